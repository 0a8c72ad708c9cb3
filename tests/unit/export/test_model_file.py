"""An exported model works like its run, and its bytes name no scan, subject, group or folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import scanvq
from scanvq.cli.main import app
from scanvq.export.model_file import ExportError, export_model
from scanvq.model.model import Model
from scanvq.storage.run_directory import RunDirectory

PEOPLE = 24
SMALL = ("preparation.size=[16, 16]", "tokenizer.channels=[8, 8]", "prior.channels=8")
NAMES = (b"muster", b"group-", b"hospital", b"visit")


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scans whose names, subjects, groups and folder have words of `NAMES`."""
    folder = tmp_path_factory.mktemp("data") / "hospital"
    folder.mkdir()
    rows = ["subject,label,patient_group,nickname"]
    for number in range(PEOPLE):
        pixels = np.random.default_rng(number).integers(0, 250, (16, 16)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"muster{number:02d}_visit.png")
        kind = "old" if number % 2 else "young"
        rows.append(f"muster{number:02d},{kind},group-{number:02d},muster{number:02d}")
    (folder / "subjects.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def trained(scans: Path, out: Path, *overrides: str) -> RunDirectory:
    subject = "data.subject='(muster\\d+)'"
    scanvq.fit(scans, out=out, recipe="tiny", overrides=[*SMALL, subject, *overrides], epochs=1, device="cpu")
    return RunDirectory(out)


@pytest.fixture(scope="module")
def run(scans: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return trained(scans, tmp_path_factory.mktemp("export") / "run")


def test_the_file_is_the_model_without_a_name(run: RunDirectory, tmp_path: Path) -> None:
    assert all(name in run.data.read_bytes() for name in NAMES)  # the run has them
    file = export_model(run, tmp_path / "model.safetensors")
    content = file.read_bytes()
    assert [name for name in (*NAMES, str(run.path.parent).encode()) if name in content] == []
    model, original = Model.load(file, device="cpu"), Model.load(run.path, device="cpu")
    assert model.labels == ("old", "young")
    assert np.array_equal(model.sample(2, seed=1), original.sample(2, seed=1))
    assert model.prior_id == original.prior_id


def test_the_file_has_no_training_code(run: RunDirectory, tmp_path: Path) -> None:
    """The size is that of the weights and a header, however many training codes the run has."""
    file = export_model(run, tmp_path / "model.safetensors")
    weights = sum(stage.best.stat().st_size for stage in (run.tokenizer, run.prior))
    assert file.stat().st_size < weights + 20_000
    codes = np.concatenate([level.ravel() for level in np.load(run.codes / "train.npz").values()])
    assert codes[:64].tobytes() not in file.read_bytes()


def test_half_a_prior_is_another_prior_of_the_same_codes(run: RunDirectory, tmp_path: Path) -> None:
    whole = export_model(run, tmp_path / "whole.safetensors")
    half = export_model(run, tmp_path / "half.safetensors", half_prior=True)
    assert half.stat().st_size < whole.stat().st_size - run.prior.best.stat().st_size / 3
    model, original = Model.load(half, device="cpu"), Model.load(run.path, device="cpu")
    assert (model.id, model.prior_id == original.prior_id) == (original.id, False)
    own = model.prior.state_dict()
    for name, value in original.prior.state_dict().items():
        assert own[name].dtype == value.dtype
        assert torch.allclose(own[name], value, rtol=1e-3, atol=1e-4)
    kept = dict(original.prior.named_buffers())
    assert all(torch.equal(value, kept[name]) for name, value in model.prior.named_buffers())


def test_a_condition_that_names_subjects_is_refused(scans: Path, run: RunDirectory, tmp_path: Path) -> None:
    named = trained(scans, tmp_path / "named", "data.conditions=['nickname']")
    with pytest.raises(ExportError, match="nickname are subject ids, such as muster"):
        export_model(named, tmp_path / "model.safetensors")
    assert not (tmp_path / "model.safetensors").exists()


def test_only_a_model_file_is_replaced_and_only_if_asked(run: RunDirectory, tmp_path: Path) -> None:
    command = ["export", str(run.path), "--out", str(tmp_path / "folder")]
    assert CliRunner().invoke(app, command).exit_code == 0
    file = tmp_path / "folder" / "model.safetensors"
    assert isinstance(CliRunner().invoke(app, command).exception, ExportError)
    assert CliRunner().invoke(app, [*command, "--overwrite"]).exit_code == 0
    file.write_bytes(b"of someone else")
    assert isinstance(CliRunner().invoke(app, [*command, "--overwrite"]).exception, ValueError)
    assert file.read_bytes() == b"of someone else"
