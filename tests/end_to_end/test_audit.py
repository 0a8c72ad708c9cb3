"""The memorization audit: by the command, after sampling, of a folder, interrupted, and refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import scanvq
from scanvq.api import Run
from scanvq.audit import audit_images
from scanvq.audit.audit_run import audit_sample_files
from scanvq.cli.audit import audit
from scanvq.cli.sample import sample
from scanvq.inference.sample import sample_files
from scanvq.metrics.refusal import TooFewSubjects
from tests.end_to_end.conftest import Command


@pytest.fixture(scope="module")
def audited(scans: Path, small: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 3 training and 21 held-out people, two images each; tests copy it."""
    run = tmp_path_factory.mktemp("audited") / "run"
    overrides = (*small, "data.test=0.5", "data.validation=0.34")
    trained = scanvq.fit(scans, out=run, recipe="tiny", overrides=overrides, epochs=1, device="cpu")
    assert trained is not None
    return run


@pytest.fixture
def run(audited: Path, tmp_path: Path) -> Run:
    return scanvq.load(shutil.copytree(audited, tmp_path / "run"), device="cpu")


def read(file: Path) -> dict[str, Any]:
    def number(text: str) -> float:
        raise AssertionError(f"{file} holds {text}")

    return json.loads(file.read_text(encoding="utf-8"), parse_constant=number)


@pytest.mark.slow
def test_the_commands(scanvq: Command, audited: Path, tmp_path: Path) -> None:
    run = shutil.copytree(audited, tmp_path / "run")
    told = scanvq("sample", run, "-n", 3, "--out", tmp_path / "samples").stdout
    assert "of 3 samples look like copies (level 0.05, 21 held-out people)" in told
    beside = read(tmp_path / "samples" / "audit.json")
    assert [one["file"] for one in beside["samples"]] == [
        "sample_000.png",
        "sample_001.png",
        "sample_002.png",
    ]
    told = scanvq("audit", run, "--samples", 3).stdout
    assert "rate of copies" in told
    found = read(run / "audit.json")
    assert set(found["rate"]) == {"value", "low", "high"}
    for one, same in zip(found["samples"], beside["samples"], strict=True):
        assert {"file", "nearest", "p", "copy"} <= set(one)
        assert [one[name] for name in ("nearest", "p")] == [same[name] for name in ("nearest", "p")]
    with Image.open(run / "audit.png") as picture:
        assert picture.size[0] > 3 * 128


def test_samples_that_are_not_audited(
    audited: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "model.safetensors"
    Run(audited, device="cpu").model.save(file)
    sample(file, tmp_path / "of_file", 1, device="cpu")
    assert "not audited: a model without its run" in capsys.readouterr().out
    sample(audited, tmp_path / "no_audit", 1, audit=False, device="cpu")
    assert "audit" not in capsys.readouterr().out.replace("no_audit", "").replace("audited", "")
    assert not list(tmp_path.rglob("audit.json"))
    with pytest.raises(ValueError, match="leave one of them out"):
        audit(audited, 2, tmp_path)


def test_planted_copies_of_a_folder(run: Run, scans: Path, tmp_path: Path) -> None:
    data = read(run.directory.data)
    training = [path for path, _, _, split, _ in data["entries"] if split == "train"]
    new = [path for path, _, _, split, _ in data["entries"] if split == "test"]
    folder = tmp_path / "images"
    folder.mkdir()
    for number, path in enumerate((*training[:3], *new[:5])):
        shutil.copy(scans / path, folder / f"{number}.png")
    found = run.audit(images=folder)
    assert found["complete"]
    copies, others = found["samples"][:3], found["samples"][3:]
    assert [one["nearest"] for one in copies] == training[:3]
    assert all(one["copy"] and one["pixels"]["correlation"] > 0.99 for one in copies)
    assert max(one["pixels"]["correlation"] for one in others) < 0.99
    assert {one["subject"] for one in copies} == {path.split("_")[0] for path in training[:3]}
    assert copies[0]["sources"][0]["subject"] == copies[0]["subject"]
    assert found["held_out_people"] == 21
    assert found["smallest_p"] == pytest.approx(1 / 22)


def test_an_interrupted_audit_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> Any:
        def progress(done: int, total: int) -> None:
            if name == "audit" and done == 5:
                raise KeyboardInterrupt

        return progress

    monkeypatch.setattr(audit_images, "KEPT_EVERY", 2)
    with pytest.raises(KeyboardInterrupt):
        run.audit(8, progress_for=interrupted)
    kept = read(run.directory.audit)
    assert not kept["complete"]
    assert kept["n"] == len(kept["samples"]) == 4
    tasks: list[str] = []
    whole = run.audit(8, progress_for=lambda name: tasks.append(name) or (lambda done, total: None))
    assert whole == read(run.directory.audit)
    assert whole["samples"][:4] == kept["samples"]
    assert tasks == ["sample", "audit"]  # index and held-out people were prepared before
    assert run.audit(8) == whole


def test_too_few_held_out_people_give_no_verdict(run: Run, tmp_path: Path) -> None:
    found = run.audit(3, level=0.01)
    assert found["refused"].startswith("TooFewSubjects: a verdict at a false-alarm rate of 0.01 needs")
    assert found["rate"] == {"value": None, "low": None, "high": None}
    assert [one["copy"] for one in found["samples"]] == [None] * 3
    assert all(0 < one["p"] <= 1 for one in found["samples"])
    with pytest.raises(ValueError, match="level is 2"):
        run.audit(3, level=2)
    with pytest.raises(ValueError, match="either how many samples"):
        run.audit()


def test_sources_need_the_codes_of_the_run(run: Run, tmp_path: Path) -> None:
    model = run.model
    files = sample_files(model, tmp_path / "out", 2, params=model.sampling_params(), seed=0)
    shutil.rmtree(run.directory.codes)
    with pytest.raises(ValueError, match="no training codes"):
        audit_sample_files(model, run.directory, files)


def test_one_held_out_person_is_too_few() -> None:
    from scanvq.audit.verdict import reachable_level

    assert reachable_level(104, None) == 0.01
    assert reachable_level(98, None) == 0.05
    with pytest.raises(TooFewSubjects, match=r"no p-value below 0\.2"):
        reachable_level(4, None)
    assert np.isclose(reachable_level(9, 0.1), 0.1)
