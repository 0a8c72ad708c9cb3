"""Comparisons of runs whose files are written here, without training."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from scanvq.cli import compare as command
from scanvq.comparison.compare import compared
from scanvq.comparison.compared_run import ComparedRun
from scanvq.comparison.measures import scored_count
from scanvq.comparison.same_test_set import DifferentTestSets, check_test_sets
from scanvq.comparison.sampling_speed import SamplingSpeed
from scanvq.comparison.tables import comparison_table, leagues, listing
from scanvq.report.tables.table import Table
from scanvq.storage.run_directory import RunDirectory

MakeRun = Callable[..., ComparedRun]


def distribution(mean: float, **interval: float) -> dict[str, float]:
    return {"mean": mean, "std": 0.1, "p05": 0.5, "median": mean, "p95": 0.9, **interval}


def scored(auc: float, *, n: int = 50) -> dict:
    one = {"value": auc, "low": auc - 0.04, "high": auc + 0.04, "floor": 0.5, "bad": {}}
    entry = {"n": n, "auc": {"network": one}, "frechet": {"network": {**one, "value": 10 * auc}}}
    names = ("samples_vs_reconstructions", "reconstructions_vs_reals", "samples_vs_reals")
    return {name: entry for name in names}


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    def make(
        name: str,
        *,
        ssim: dict[str, float] | None = None,
        bits: float | None = 3.0,
        samples: dict | None = None,
        **changes: object,
    ) -> ComparedRun:
        prior = None if bits is None else {"n": 9, "bits_per_code": bits, "bits_per_pixel": bits / 16}
        metrics = {
            "tokenizer": {"test": {"n": 9, "ssim": ssim or distribution(0.8)}, "bits_per_pixel": 0.5},
            "prior": {"test": prior},
            "samples": samples or {},
            "cost": {"tokenizer": {"seconds": 60.0}, "prior": {"seconds": 30.0}},
        }
        run = ComparedRun(
            name=name,
            directory=RunDirectory(tmp_path / name),
            recipe="tiny",
            tokenizer="vqvae",
            prior="gated_pixelcnn",
            tokenizer_id="aaaaaaaaaaaa",
            prior_id=f"{name}-prior",
            test_content="one",
            test_files="one",
            test_counts=(5, 9),
            folder="scans",
            metrics=metrics,
            audit=None,
            speed=None,
        )
        return replace(run, **changes)

    return make


def rows(table: Table) -> dict[str, list[str]]:
    return {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}


def test_numbers_stand_side_by_side(make_run: MakeRun) -> None:
    found = rows(compared([make_run("a", bits=3.0), make_run("b", bits=2.5)])[0])
    assert found["SSIM"] == ["0.8000", "0.8000"]
    assert found["bits per code"] == ["3.000", "2.500"]
    assert found["bits per pixel, under the prior"] == ["0.1875", "0.1562"]
    assert found["minutes of training"] == ["1.5", "1.5"]


def test_missing_numbers_are_dashes_with_the_way_to_get_them(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run("a", samples=scored(0.7)), make_run("b"), make_run("c", bits=None, prior="maskgit")]
    runs.append(make_run("d", prior="", bits=None))
    runs.append(make_run("e", metrics=None))
    table = comparison_table(runs, main=True)
    found = rows(table)
    auc = found["highest AUC, samples against reconstructions (what the prior loses)"]
    assert auc == ["0.700", "-", "-", "-", "-"]
    notes = {
        (row[0].text, number): table.notes[cell.note - 1]
        for row in table.rows
        for number, cell in enumerate(row[1:])
        if cell.note
    }
    reason = notes["highest AUC, samples against reconstructions (what the prior loses)", 1]
    assert reason == f"run `scanvq evaluate {tmp_path / 'b'} --samples 50`"
    assert notes["bits per code", 2] == "this kind of prior has no likelihood"
    assert notes["bits per code", 3] == "the run has no prior"
    assert notes["SSIM", 4] == f"run `scanvq evaluate {tmp_path / 'e'}`"
    assert "--speed" in notes["seconds per created scan", 0]
    assert notes["rate of copies", 0] == f"run `scanvq audit {tmp_path / 'a'}`"
    assert all((cell.text == "-") == bool(cell.note) for row in table.rows for cell in row[1:])


def test_other_test_sets_are_refused_and_named(make_run: MakeRun) -> None:
    other = make_run("b", test_content="two", folder="other", test_counts=(7, 70))
    with pytest.raises(DifferentTestSets) as refusal:
        compared([make_run("a"), other, make_run("c")])
    message = str(refusal.value)
    assert "2 test sets" in message
    assert "a, c: one (9 slices of 5 subjects of scans)" in message
    assert "b: two (70 slices of 7 subjects of other)" in message
    assert "--list" in message
    assert rows(listing([make_run("a"), other]))["b"][4:] == ["two", "7", "70"]


def test_runs_before_the_digest_was_recorded(make_run: MakeRun) -> None:
    check_test_sets([make_run("a", test_content=""), make_run("b", test_content="new")])
    with pytest.raises(DifferentTestSets):
        check_test_sets([make_run("a", test_content=""), make_run("b", test_content="one", test_files="x")])


def test_scores_are_compared_at_equal_numbers_only(make_run: MakeRun) -> None:
    runs = [make_run(name, samples=scored(0.7, n=50)) for name in "ab"]
    runs.append(make_run("c", samples=scored(0.6, n=200)))
    assert scored_count(runs) == 50
    assert scored_count(runs[1:]) == 200
    for main in (True, False):
        table = comparison_table(runs, main=main)
        row = next(row for row in table.rows if "samples against real scans" in row[0].text)
        assert [cell.text for cell in row[1:]][2] == "-"
        assert "scored with 200 images a side, the others with 50" in table.notes[row[3].note - 1]


def test_the_best_is_marked_unless_it_may_be_chance(make_run: MakeRun) -> None:
    def best(first: dict[str, float], second: dict[str, float]) -> list[str]:
        table = comparison_table([make_run("a", ssim=first), make_run("b", ssim=second)], main=True)
        return [cell.state for cell in table.rows[0][1:]]

    assert best(distribution(0.8), distribution(0.9)) == ["", "best"]
    assert best(distribution(0.8, low=0.7, high=0.88), distribution(0.9, low=0.86, high=0.95)) == ["", ""]
    assert best(distribution(0.8, low=0.7, high=0.84), distribution(0.9, low=0.86, high=0.95)) == ["", "best"]
    assert best(distribution(0.8), distribution(0.8)) == ["", ""]


def test_league_of_priors_on_the_same_codes(make_run: MakeRun) -> None:
    runs = [
        make_run("pixelcnn", bits=3.0, samples=scored(0.8)),
        make_run("transformer", bits=2.5, samples=scored(0.6), prior="transformer"),
        make_run("masked", bits=None, samples=scored(0.9), prior="maskgit"),
        make_run("other", bits=1.0, tokenizer_id="bbbbbbbbbbbb"),
        make_run("no prior", bits=None, prior=""),
    ]
    (league,) = leagues(runs)
    assert league.name == "league-aaaaaaaa"
    assert [row[0].text for row in league.rows] == ["transformer", "pixelcnn", "masked"]
    found = dict(zip(league.columns, zip(*league.rows, strict=True), strict=True))
    assert [cell.text for cell in found["bits per code"]] == ["2.500", "3.000", "-"]
    assert [cell.state for cell in found["bits per code"]] == ["best", "", ""]
    assert [cell.text for cell in found["highest AUC"]] == ["0.600", "0.800", "0.900"]
    assert [cell.text for cell in found["Frechet distance, network"]] == ["6.000", "8.000", "9.000"]
    assert "rate of copies" in found
    assert leagues(runs[2:]) == []


def test_speed_belongs_to_its_prior(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").touch()
    directory = RunDirectory(tmp_path)
    stored = {"seconds": 0.5, "count": 4, "device": "cpu", "threads": 1, "prior": "mine"}
    directory.write(directory.sampling_speed, stored)
    assert SamplingSpeed.read(directory, "mine") == SamplingSpeed(**stored)
    assert SamplingSpeed.read(directory, "retrained") is None


def test_terminal_shows_every_number_and_note(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rich.console.Console", lambda **named: Console(**named, width=160))
    table = comparison_table([make_run("a", samples=scored(0.7)), make_run("b")], main=True)
    command._print(table)
    text = capsys.readouterr().out
    assert "0.700 (0.660 to 0.740)" in text
    for number, note in enumerate(table.notes, 1):
        assert f"[{number}] {note}" in re.sub(r"\n(?!\[)", "", text)
