from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from torch import Tensor

from scanvq import api
from scanvq.cli.summary import score_text, summary
from scanvq.evaluation.tokenizer_scores import SCORES, ImageScore
from scanvq.report.pictures import spread

SMALL = (
    "preparation.size=[32, 32]",
    "tokenizer.channels=[4, 8]",
    "tokenizer.residual_channels=4",
    "tokenizer.quantizer.codebook_size=16",
    "tokenizer.quantizer.code_dim=4",
    "prior.channels=8",
    "prior.embedding_dim=4",
)


def no_progress(name: str) -> Callable[[int, int], None]:
    return lambda done, total: None


@pytest.fixture(scope="module")
def trained(scans: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "first"
    run = api.fit(scans, out=out, recipe="tiny", overrides=SMALL, epochs=1, device="cpu")
    assert run is not None
    run.evaluate()
    return out


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may change."""
    return Path(shutil.copytree(trained, tmp_path / "first"))


def report(run: Path) -> str:
    api.load(run, device="cpu").write_report(progress_for=no_progress)
    return (run / "report.html").read_text(encoding="utf-8")


def test_a_complete_run(run: Path, scans: Path) -> None:
    reported: dict[str, list[tuple[int, int]]] = {}

    def progress_for(name: str) -> Callable[[int, int], None]:
        return lambda done, total: reported.setdefault(name, []).append((done, total))

    (run / "tables").mkdir()
    (run / "tables" / "notes.txt").write_text("of the user", encoding="utf-8")
    api.load(run, device="cpu").write_report(progress_for=progress_for)
    assert (run / "tables" / "notes.txt").is_file()
    html = (run / "report.html").read_text(encoding="utf-8")
    for section in ("summary", "data", "extremes", "codebook", "generated", "completions", "progress"):
        assert f'<section id="{section}"' in html
    assert "Not available" not in html
    assert "Layout of the folder: flat" in html
    for name in ("splits", "reconstruction-scores", "rate", "codebook", "cost"):
        assert (run / "tables" / f"{name}.csv").read_text(encoding="utf-8").count("\n") > 1
        assert r"\toprule" in (run / "tables" / f"{name}.tex").read_text(encoding="utf-8")
    card = (run / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: unknown\n")
    assert not [file.name for file in scans.iterdir() if file.name in card]
    assert "real test scans · narrow" in html
    assert reported.keys() == {"report", "figures"}
    assert all(done[-1][0] == done[-1][1] for done in reported.values())
    names = {file.stem for file in (run / "figures").iterdir()}
    assert {"reconstructions", "ssim-histogram", "prior-bits-per-code"} <= names
    for name in names:
        assert (run / "figures" / f"{name}.svg").is_file()
        with Image.open(run / "figures" / f"{name}.png") as picture:
            picture.verify()


def test_a_score_added_to_the_table_is_measured_and_shown(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def brightest(images: Tensor, targets: Tensor) -> Tensor:
        return (images - targets).abs().amax(dim=(1, 2, 3))

    added = ImageScore(function=brightest, label="largest error", meaning="of a pixel", better="lower")
    monkeypatch.setitem(SCORES, "max_error", added)
    evaluated = api.load(run, device="cpu").evaluate()
    stored = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["tokenizer"]["test"]
    scores = ["ssim", "ssim_foreground", "ms_ssim", "psnr", "mae", "max_error"]
    assert list(stored) == ["n", "subjects", *scores, "band_error"]
    assert list(stored["max_error"])[:5] == ["mean", "std", "p05", "median", "p95"]
    assert stored["max_error"]["mean"] > stored["mae"]["mean"]
    assert f"  {score_text(added, stored['max_error'])}" in summary(evaluated)
    html = report(run)
    assert ">largest error</a></td>" in html
    assert f"largest error {stored['max_error']['mean']:.3f}" in html
    assert "Of a pixel." in html


def test_before_it_is_evaluated(run: Path) -> None:
    (run / "metrics.json").unlink()
    (run / "test_scores.json").unlink()
    html = report(run)
    assert "run `scanvq evaluate first`" in html
    for section in ("reconstruction", "extremes", "codebook", "cost"):
        assert f'<section id="{section}">' not in html
    assert '<section id="reconstructions">' in html


def test_before_it_has_a_prior(run: Path) -> None:
    shutil.rmtree(run / "prior")
    html = report(run)
    assert "no prior is trained yet" in html
    assert '<section id="generated">' not in html
    assert '<section id="extremes">' in html


def test_a_prior_without_likelihood(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    metrics["prior"]["test"] = None
    (run / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    assert "No likelihood for the prior" in report(run)


def test_without_the_scans(run: Path) -> None:
    record = json.loads((run / "data.json").read_text(encoding="utf-8"))
    record["folder"] = str(run / "gone")
    (run / "data.json").write_text(json.dumps(record), encoding="utf-8")
    html = report(run)
    assert "Pictures of real scans" in html
    assert '<section id="generated">' in html
    assert "real test scans" not in html


def test_scores_of_other_images_are_not_shown(run: Path) -> None:
    scores = json.loads((run / "test_scores.json").read_text(encoding="utf-8"))
    scores["rows"][0] += 1
    (run / "test_scores.json").write_text(json.dumps(scores), encoding="utf-8")
    html = report(run)
    assert "out of date" in html
    assert '<section id="extremes">' not in html


def test_spread() -> None:
    assert spread(0, 3).tolist() == []
    assert spread(2, 3).tolist() == [0, 1]
    assert spread(11, 3).tolist() == [0, 5, 10]
