"""Runs are compared by the command: tables, page and files; other test sets are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Command, Refused


@pytest.fixture(scope="module")
def other(trained: Path, scanvq: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another prior on the codes of `trained`."""
    run = tmp_path_factory.mktemp("other") / "other"
    scanvq(
        "fit", "--tokenizer", trained, "--set", "prior.channels=8", "--epochs=1", "--log=none", "--out", run
    )
    return run


def test_two_priors_on_the_same_codes(trained: Path, other: Path, scanvq: Command, tmp_path: Path) -> None:
    runs = [shutil.copytree(run, tmp_path / run.name) for run in (trained, other)]
    out = tmp_path / "comparison"
    text = scanvq("compare", *runs, "--out", out, "--speed", 1).stdout
    assert "Priors on the codes of the tokenizer" in text
    assert "allow no p-value below" in text.replace("\n", "")  # of the audit: too few held-out people
    lines = [line for line in text.splitlines() if line.startswith("seconds per created scan")]
    assert len(lines) == 1
    assert " -" not in lines[0]
    html = (out / "compare.html").read_text(encoding="utf-8")
    for word in ("The same scans, reconstructed", "trained", "other", "gated PixelCNN"):
        assert word in html
    ssim = json.loads((trained / "metrics.json").read_text())["tokenizer"]["test"]["ssim"]["mean"]
    (row,) = [r for r in (out / "comparison.csv").read_text().splitlines() if r.startswith("SSIM,")]
    assert float(row.split(",")[1]) == pytest.approx(ssim)
    assert r"\toprule" in (out / "comparison.tex").read_text(encoding="utf-8")
    assert (out / "figures" / "reconstructions.png").is_file()
    assert json.loads((runs[0] / "samples" / "speed.json").read_text())["count"] == 1


def test_runs_of_another_test_set_are_refused_but_listed(
    trained: Path, scanvq: Command, refused: Refused, tmp_path: Path
) -> None:
    changed = shutil.copytree(trained, tmp_path / "changed")
    record = json.loads((changed / "data.json").read_text())
    digest = record["test_content"]
    (changed / "data.json").write_text(json.dumps({**record, "test_content": "0123"}))
    (message,) = refused([["compare", trained, changed]])
    assert "2 test sets" in message
    assert f"trained: {digest}" in message
    assert "changed: 0123" in message
    listed = scanvq("compare", trained, changed, "--list").stdout
    assert digest in listed
    assert "0123" in listed


def test_the_card_is_written_by_fit_and_keeps_what_the_user_says(
    trained: Path, scanvq: Command, tmp_path: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    card = (run / "README.md").read_text(encoding="utf-8")
    assert "license: unknown" in card
    files = [Path(entry[0]).name for entry in json.loads((run / "data.json").read_text())["entries"]]
    assert not [name for name in files if name in card]
    assert str(json.loads((run / "data.json").read_text())["folder"]) not in card
    scanvq("report", run, "--license", "mit", "--dataset", "adni")
    card = (run / "README.md").read_text(encoding="utf-8")
    assert "license: mit" in card
    (run / "README.md").write_text("my own card", encoding="utf-8")
    assert "as you edited it" in scanvq("report", run).stdout
    assert (run / "README.md").read_text(encoding="utf-8") == "my own card"
