"""Scores of created scans: by the command, from Python, interrupted, and of images of other programs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import scanvq
from scanvq.api import Run
from scanvq.cli.progress_display import ProgressDisplay
from scanvq.cli.sample_summary import short_summary
from scanvq.cli.short_form import short_form
from scanvq.evaluation import references, sample_scores
from scanvq.evaluation import short_form as short_form_module
from scanvq.evaluation.comparison_metrics import comparison_metrics
from scanvq.evaluation.created_images import given_images
from scanvq.evaluation.metric import Metric
from scanvq.inference.sample import sample_files
from scanvq.metrics.refusal import TooFewImages
from tests.conftest import blob
from tests.end_to_end.conftest import Command

COMPARISONS = ["samples_vs_reconstructions", "reconstructions_vs_reals", "samples_vs_reals"]


@pytest.fixture(scope="module")
def evaluated(scans: Path, small: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with 9 test subjects of two images each; tests copy it."""
    run = tmp_path_factory.mktemp("scored") / "run"
    overrides = (*small, "data.test=0.4")
    trained = scanvq.fit(scans, out=run, recipe="tiny", overrides=overrides, epochs=1, device="cpu")
    assert trained is not None
    trained.evaluate()
    return run


@pytest.fixture
def run(evaluated: Path, tmp_path: Path) -> Run:
    return scanvq.load(shutil.copytree(evaluated, tmp_path / "run"), device="cpu")


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the metrics that take milliseconds."""

    def metrics(*arguments: Any, **named: Any) -> list[Metric]:
        return [one for one in comparison_metrics(*arguments, **named) if one.name != "auc"]

    for module in (references, sample_scores):
        monkeypatch.setattr(module, "comparison_metrics", metrics)


def metrics_of(run: Path) -> dict[str, Any]:
    def number(text: str) -> float:
        raise AssertionError(f"metrics.json holds {text}")

    return json.loads((run / "metrics.json").read_text(encoding="utf-8"), parse_constant=number)


def numbers(stored: Any) -> Iterator[dict[str, Any]]:
    if isinstance(stored, dict) and "value" in stored:
        yield stored
    elif isinstance(stored, dict):
        for one in stored.values():
            yield from numbers(one)


@pytest.mark.slow
def test_the_command_scores_samples_and_refuses_too_few(
    scanvq: Command, evaluated: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(evaluated, tmp_path / "run")
    before = metrics_of(run)
    told = scanvq("evaluate", run, "--samples", 3, code=2)
    assert told.stderr.startswith("scanvq: refused, TooFewImages: ")
    for name in COMPARISONS:
        comparison = metrics_of(run)["samples"][name]
        assert comparison["n"] == 3
        assert comparison["refused"].startswith("TooFewImages: ")
    told = scanvq("evaluate", run, "--samples", 12)
    assert "samples against real scans" in told.stdout
    after = metrics_of(run)
    scores = after.pop("samples")
    assert after == before
    assert list(scores) == ["form", *COMPARISONS, "groups", "train_on_samples"]
    assert scores["form"] == "full"
    for name in COMPARISONS:
        comparison = scores[name]
        assert comparison["n"] == 12
        assert {"auc", "frechet", "kernel", "precision", "recall", "density", "coverage"} < set(comparison)
        found = list(numbers(comparison))
        assert len(found) == 3 * 7 + 1 + 2 + (8 if name == "reconstructions_vs_reals" else 0)
        for one in found:
            assert one["floor"] is not None
            if one["value"] is None:  # samples of so small a run can be all alike
                assert one["refused"].startswith("NoVariation: a left-right correlation needs")
            else:
                assert one["low"] <= one["value"] <= one["high"]
            low, high = one["floor_interval"] or (one["floor"], one["floor"])
            assert low <= one["floor"] <= high
    groups = scores["groups"]["label"]
    assert list(groups) == ["narrow", "wide"]
    assert all(group["n"] < 10 and group["refused"].startswith("TooFewImages: ") for group in groups.values())
    assert scores["train_on_samples"]["label"]["refused"].startswith("TooFewImages: training on samples ")
    bands = scores["reconstructions_vs_reals"]["band_error"]
    assert list(bands) == [str(band) for band in range(1, 9)]
    assert bands["8"]["bad"]["blurred"] == pytest.approx(1, abs=0.1)


@pytest.mark.usefixtures("cheap")
def test_an_interrupted_call_loses_nothing(run: Run, tmp_path: Path) -> None:
    def interrupted_after(comparisons: int) -> Callable[[str], Callable[[int, int], None]]:
        def progress(done: int, total: int) -> None:
            if done > total - (3 - comparisons) * 5:  # five cheap metrics a comparison
                raise KeyboardInterrupt

        return lambda name: progress if name == "score samples" else lambda done, total: None

    folder = run.directory.path
    whole = scanvq.load(shutil.copytree(folder, tmp_path / "whole"), device="cpu").evaluate_samples(12)
    with pytest.raises(KeyboardInterrupt):
        run.evaluate_samples(12, progress_for=interrupted_after(1))
    assert list(metrics_of(folder)["samples"]) == ["form", *COMPARISONS[:1]]
    steps: list[tuple[str, int, int]] = []
    found = run.evaluate_samples(
        12, progress_for=lambda name: lambda done, total: steps.append((name, done, total))
    )
    assert {name for name, _, _ in steps} == {"score samples", "score groups"}  # no sample is drawn again
    assert ("score samples", 10, 10) in steps  # two comparisons are left, no reference is measured again
    assert found == whole == metrics_of(folder)["samples"]
    steps.clear()
    again = run.evaluate_samples(
        12, progress_for=lambda name: lambda done, total: steps.append((name, done, total))
    )
    assert again == whole
    assert steps == []


@pytest.mark.usefixtures("cheap")
def test_the_short_form_is_kept_until_there_is_a_full_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_form_module, "affordable_count", lambda *times: 64)
    steps: list[str] = []
    short = run.evaluate_samples_briefly(
        progress_for=lambda name: lambda done, total: steps.append(name),
    )
    assert short == metrics_of(run.directory.path)["samples"]
    assert list(short) == ["form", *COMPARISONS]
    assert short["form"] == "short"
    tested = metrics_of(run.directory.path)["tokenizer"]["test"]["n"]
    assert {16 <= short[name]["n"] <= tested for name in COMPARISONS} == {True}
    assert set(short["samples_vs_reals"]["frechet"]) == {"features", "pca32"}
    assert short_summary({**short, **{name: {**short[name], "auc": {}} for name in COMPARISONS}})
    steps.clear()
    run.evaluate()
    again = run.evaluate_samples_briefly(progress_for=lambda name: lambda done, total: steps.append(name))
    assert (again, steps) == (short, [])
    full = run.evaluate_samples(12)
    assert full["form"] == "full"
    assert run.evaluate_samples_briefly() == full == metrics_of(run.directory.path)["samples"]


def test_the_short_form_refuses_few_images_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_form_module, "BATCH", 1000)
    tested = metrics_of(run.directory.path)["tokenizer"]["test"]["n"]
    line, audited = short_form(run, ProgressDisplay(quiet=True))
    assert audited.startswith("audit: no verdict, TooFewSubjects: ")
    assert line == (
        f"samples not scored, TooFewImages: {tested} test images; the short form needs at least 1000 "
        "(`scanvq evaluate RUN --samples N`: 4)"
    )
    stored = metrics_of(run.directory.path)["samples"]
    assert stored["form"] == "short"
    assert stored["samples_vs_reals"]["refused"].startswith("TooFewImages: ")
    assert len(run.directory.read(run.directory.audit)["samples"]) == 16
    run.evaluate()
    assert metrics_of(run.directory.path)["samples"] == stored


@pytest.mark.usefixtures("cheap")
def test_an_interrupted_short_form_keeps_what_is_finished(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    display = ProgressDisplay(quiet=True)

    def progress(done: int, total: int) -> None:
        if done > total - 10:  # the first comparison is there
            raise KeyboardInterrupt

    monkeypatch.setattr(
        display,
        "progress_for",
        lambda name: progress if name == "score samples" else lambda done, total: None,
    )
    (line,) = short_form(run, display)
    assert line.startswith("interrupted: finished sample scores are in metrics.json")
    assert list(metrics_of(run.directory.path)["samples"]) == ["form", COMPARISONS[0]]


@pytest.mark.usefixtures("cheap")
def test_a_later_evaluation_keeps_the_scores_of_the_same_model(run: Run) -> None:
    scores = run.evaluate_samples(8)
    run.evaluate()
    assert metrics_of(run.directory.path)["samples"] == scores
    metrics = metrics_of(run.directory.path)
    del metrics["samples"]["groups"], metrics["samples"]["train_on_samples"]
    metrics["samples"]["samples_vs_reals"]["source"]["model"] = "another"
    run.directory.write(run.directory.metrics, metrics)
    run.evaluate()
    assert list(metrics_of(run.directory.path)["samples"]) == ["form", *COMPARISONS[:2]]


@pytest.mark.usefixtures("cheap")
def test_images_of_a_folder_are_scored_as_samples(run: Run, tmp_path: Path) -> None:
    sample_files(run.model, tmp_path / "own", 12, params=run.model.sampling_params(), seed=0)
    images = given_images(run.model, tmp_path / "own").images
    np.testing.assert_allclose(images, run.sample(12, seed=0), atol=0.5 / 255 + 1e-6)
    made, given = run.evaluate_samples(12), run.evaluate_samples(images=tmp_path / "own")
    value, other = (one["samples_vs_reals"]["frechet"]["features"]["value"] for one in (made, given))
    assert value == pytest.approx(other, rel=0.1)
    assert made["reconstructions_vs_reals"]["frechet"] == given["reconstructions_vs_reals"]["frechet"]


@pytest.mark.usefixtures("cheap")
def test_more_samples_than_scans_change_no_other_source(run: Run) -> None:
    some, more = run.evaluate_samples(40), run.evaluate_samples(44)
    assert some["samples_vs_reals"]["n"] == more["samples_vs_reals"]["n"] < 40
    for name, score in some["reconstructions_vs_reals"].items():
        if name != "source":
            assert score == more["reconstructions_vs_reals"][name], name


@pytest.mark.usefixtures("cheap")
def test_other_scans_are_compared_with_in_place_of_the_test_split(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    random = np.random.default_rng(9)
    for number in range(6):
        pixels = blob(40, width=0.3 + 0.1 * number, random=random)
        Image.fromarray(pixels).save(folder / f"p{number}_0.png")
    before = metrics_of(run.directory.path)
    scores = run.evaluate_samples(12, folder=folder)
    assert metrics_of(run.directory.path) == before
    stored = json.loads((run.directory.path / "metrics-elsewhere.json").read_text(encoding="utf-8"))
    assert stored["samples"] == scores
    assert {scores[name]["n"] for name in COMPARISONS} == {6}
    assert stored["tokenizer"]["test"]["n"] == 6


def test_images_of_other_programs(run: Run, tmp_path: Path) -> None:
    gray = np.linspace(0, 1, 64)[None] * np.ones((64, 1))
    Image.fromarray((gray * 255).astype(np.uint8)).save(tmp_path / "eight.png")
    Image.fromarray((gray * 65535).astype(np.uint16)).save(tmp_path / "sixteen.png")
    eight, sixteen = given_images(run.model, tmp_path).images
    assert eight.shape == (32, 32)
    np.testing.assert_allclose(eight, sixteen, atol=1 / 255)
    with pytest.raises(ValueError, match="which is no folder"):
        given_images(run.model, tmp_path / "nowhere")
    with pytest.raises(TooFewImages, match="there are 2 created"):
        run.evaluate_samples(images=tmp_path)


def test_wrong_calls(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="either how many samples"):
        run.evaluate_samples()
    with pytest.raises(ValueError, match="either how many samples"):
        run.evaluate_samples(8, images=tmp_path)
