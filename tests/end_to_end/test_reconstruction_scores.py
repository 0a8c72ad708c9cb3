"""Scores of reconstructions: intervals, groups, rates, image codecs; interrupted, and of other scans."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import scanvq
from scanvq.api import Run
from scanvq.cli.codec_summary import codec_summary
from scanvq.cli.summary import summary
from scanvq.evaluation import evaluate as evaluate_module
from scanvq.evaluation import tokenizer_scores
from scanvq.evaluation.codecs import CODECS
from scanvq.model.coder import Coder
from tests.conftest import blob

SCORES = ["ssim", "ssim_foreground", "ms_ssim", "psnr", "mae"]


@pytest.fixture(scope="module")
def evaluated(scans: Path, small: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with 11 test subjects of two images each, and their labels; tests copy it."""
    run = tmp_path_factory.mktemp("scored") / "run"
    overrides = (*small, "data.test=0.4")
    trained = scanvq.fit(scans, out=run, recipe="tiny", overrides=overrides, epochs=1, device="cpu")
    assert trained is not None
    trained.evaluate()
    return run


@pytest.fixture
def run(evaluated: Path, tmp_path: Path) -> Run:
    return scanvq.load(shutil.copytree(evaluated, tmp_path / "run"), device="cpu")


def read(run: Run, name: str) -> dict[str, Any]:
    def number(text: str) -> float:
        raise AssertionError(f"{name} holds {text}")

    return json.loads((run.directory.path / name).read_text(encoding="utf-8"), parse_constant=number)


def table(run: Run, name: str = "test_scores.csv") -> list[dict[str, str]]:
    with (run.directory.path / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_scores_have_intervals_and_each_image_a_row(run: Run) -> None:
    metrics, rows = read(run, "metrics.json"), table(run)
    test = metrics["tokenizer"]["test"]
    assert (test["n"], test["subjects"]) == (len(rows), len({row["subject"] for row in rows})) == (22, 11)
    for name in SCORES:
        own = np.array([float(row[name]) for row in rows])
        assert test[name]["mean"] == pytest.approx(own.mean(), rel=1e-5)
        assert test[name]["low"] < test[name]["mean"] < test[name]["high"]
    for band in map(str, range(1, 9)):
        own = np.array([float(row[f"band_error_{band}"]) for row in rows])
        assert test["band_error"][band]["mean"] == pytest.approx(own.mean(), rel=1e-5)
    assert {row["slice"] for row in rows} == {"0"}
    assert all(row["file"].startswith(row["subject"]) for row in rows)


def test_every_label_is_scored(run: Run) -> None:
    groups, rows = read(run, "metrics.json")["tokenizer"]["groups"], table(run)
    assert list(groups) == ["label"]
    assert set(groups["label"]) == {"narrow", "wide"}
    for label, group in groups["label"].items():
        own = [row for row in rows if (int(row["subject"][1:]) % 2 == 1) == (label == "wide")]
        assert (group["n"], group["subjects"]) == (len(own), len(own) // 2)
        assert group["ssim"]["mean"] == pytest.approx(np.mean([float(row["ssim"]) for row in own]), rel=1e-5)
        assert ("note" in group["ssim"]) == (group["subjects"] < 5)


def test_the_rate_is_three_numbers(run: Run) -> None:
    metrics = read(run, "metrics.json")
    rate, rows = metrics["rate"], table(run)
    assert rate["raw"]["value"] == metrics["tokenizer"]["bits_per_pixel"]
    assert rate["prior"]["value"] == pytest.approx(metrics["prior"]["test"]["bits_per_pixel"])
    for name in ("entropy", "prior"):
        own = np.mean([float(row[f"{name}_bits_per_pixel"]) for row in rows])
        assert rate[name]["value"] == pytest.approx(own, rel=1e-5)
        assert rate[name]["low"] <= rate[name]["value"] <= rate[name]["high"]
    assert rate["entropy"]["value"] < 1.2 * rate["raw"]["value"]
    shown = next(line for line in summary(metrics) if "entropy" in line)
    assert f"{rate['prior']['value']:.4f} [" in shown


def test_without_the_prior_rates_say_why(run: Run) -> None:
    shutil.rmtree(run.directory.prior.path)
    shutil.rmtree(run.directory.codes)
    again = scanvq.load(run.directory.path, device="cpu")
    before, metrics = read(run, "metrics.json"), again.evaluate()
    assert metrics["rate"]["prior"]["refused"] == "NoLikelihood: the run has no trained prior"
    assert metrics["prior"]["test"] is None
    assert metrics["rate"]["entropy"]["value"] == pytest.approx(before["rate"]["entropy"]["value"], rel=0.05)
    assert metrics["tokenizer"] == before["tokenizer"]
    assert any("under the prior: NoLikelihood" in line for line in summary(metrics))


def test_an_interrupted_evaluation_computes_nothing_twice(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read(run, "metrics.json")
    for name in ("metrics.json", "test_scores.npz", "test_scores.csv"):
        (run.directory.path / name).unlink()
    bits_of, decode = evaluate_module.bits_of, Coder.decode

    def interrupt(*arguments: Any, **named: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(evaluate_module, "bits_of", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run.evaluate()
    assert not run.directory.metrics.is_file()
    with monkeypatch.context() as patch:
        patch.setattr(tokenizer_scores, "_score_part", interrupt)
        assert run.evaluate() == expected
        patch.setattr(evaluate_module, "bits_of", interrupt)
        assert run.evaluate() == expected
    assert (bits_of, decode) == (evaluate_module.bits_of, Coder.decode)


def test_other_scans_without_labels(run: Run, tmp_path: Path) -> None:
    folder, random = tmp_path / "elsewhere", np.random.default_rng(9)
    folder.mkdir()
    for number in range(3):
        Image.fromarray(blob(40, width=0.5, random=random)).save(folder / f"p{number}_0.png")
    before = read(run, "metrics.json")
    metrics = run.evaluate(folder)
    assert read(run, "metrics.json") == before
    assert read(run, "metrics-elsewhere.json") == metrics
    assert metrics["tokenizer"]["groups"] == {}
    test = metrics["tokenizer"]["test"]
    assert (test["n"], test["ssim"]["low"]) == (3, None)
    assert test["ssim"]["note"].startswith("no interval, TooFewSubjects: ")
    assert test["ssim"]["note"] in summary(metrics)
    assert len(table(run, "test_scores-elsewhere.csv")) == 3
    assert metrics["rate"]["entropy"]["value"] > 0


@pytest.mark.slow
def test_codecs_beside_the_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(CODECS) - {"jpeg", "jpeg_2000"}:
        monkeypatch.delitem(CODECS, name)
    monkeypatch.setitem(CODECS, "jpeg", replace(CODECS["jpeg"], qualities=(10, 50, 95)))
    metrics = run.evaluate(codecs=True)
    document = read(run, "rate_distortion.json")
    assert (document["n"], document["source"]["of"], document["stored_bits"]) == (22, 22, 8)
    assert document["run"]["rate"] == metrics["rate"]
    assert document["run"]["ssim"]["value"] == pytest.approx(metrics["tokenizer"]["test"]["ssim"]["mean"])
    assert [len(codec["points"]) for codec in document["codecs"].values()] == [3, 10]
    assert document["mean_image"]["ssim"]["value"] < 1
    assert any(line.strip().startswith("JPEG 2000") for line in codec_summary(document))
    html = run.write_report().read_text(encoding="utf-8")
    assert '<section id="rate-distortion">' in html
    assert (run.directory.figures / "rate-distortion.svg").is_file()
    document["source"]["tokenizer"] = "another"
    run.directory.write(run.directory.rate_distortion(None), document)
    html = run.write_report().read_text(encoding="utf-8")
    assert '<section id="rate-distortion">' not in html
    assert "The comparison with image codecs is out of date" in html
