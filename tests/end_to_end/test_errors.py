"""Errors of the commands: one message, exit code 2, no partial output."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[[Sequence[Sequence[object]]], list[str]]


def error_message(done: subprocess.CompletedProcess[str]) -> str:
    """The message of a failed command, which must be its only output."""
    assert done.stdout == ""
    assert done.stderr.startswith("scanvq: ")
    return done.stderr.removeprefix("scanvq: ").strip()


def test_fit_raises_before_training(cohorts: dict[str, Path], refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    scans, out = cohorts["adni"], ("--recipe", "tiny", "--out", tmp_path / "run")
    calls: list[tuple[Sequence[object], str]] = [
        ((scans, *out, "--recipe", "tinny"), "there is no recipe 'tinny'. Did you mean tiny?"),
        ((scans, *out, "--recipe", "none.toml"), "there is no recipe file none.toml"),
        ((scans, *out, "--set", "tokenizer.quantizer.codebok_size=3"), "Did you mean codebook_size?"),
        ((scans, *out, "--set", "tokenizer.quantizer.codebook_size=many"), "codebook_size is 'many'"),
        ((scans, *out, "--set", "tokenizer.kind=vqvea"), "Did you mean vqvae?"),
        ((scans, *out, "--set", "codebook"), "not of the form section.key=value"),
        ((scans, *out, "--set", "preparation.size=[30,30]"), "divisible by 4: try 32x32"),
        ((scans, *out, "--budget", "soon"), "'soon' is not a duration"),
        ((tmp_path / "nothing", *out), "there is no folder"),
        ((tmp_path / "empty", *out), "holds no scans that ScanVQ reads; found no files; supported are .png"),
        (out, "name the folder of scans"),
        (("--resume",), "--resume needs --out"),
        (("--resume", "--out", tmp_path / "empty"), "is no ScanVQ run"),
    ]
    messages = refused([("fit", *arguments) for arguments, _ in calls])
    for (arguments, expected), message in zip(calls, messages, strict=True):
        assert expected in message, arguments
    assert not (tmp_path / "run" / "tokenizer").exists()


def test_a_run_is_not_overwritten(
    trained: Path, cohorts: dict[str, Path], tiny: tuple[str, ...], scanvq: Command
) -> None:
    before = (trained / "tokenizer" / "best.safetensors").stat().st_mtime_ns
    reported = error_message(scanvq("fit", cohorts["adni"], *tiny, "--out", trained, code=2))
    assert "exists" in reported
    assert "--resume" in reported
    assert (trained / "tokenizer" / "best.safetensors").stat().st_mtime_ns == before


@pytest.fixture(scope="session")
def bad_scans(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder of twenty subjects, five files of which are of no use, and why."""
    folder = tmp_path_factory.mktemp("bad")
    random = np.random.default_rng(0)
    for number in range(20):
        Image.fromarray(random.integers(0, 255, (40, 40), np.uint8)).save(folder / f"sub-{number:02}_1.png")
    (folder / "sub-00_2.png").touch()
    (folder / "sub-01_2.png").write_bytes(b"hello")
    (folder / "sub-02_2.png").write_bytes((folder / "sub-02_1.png").read_bytes()[:500])
    Image.fromarray(np.full((40, 40), 7, np.uint8)).save(folder / "sub-03_2.png")
    broken = np.ones((40, 40), np.float32)
    broken[0, 0] = np.nan
    nib.save(nib.Nifti1Image(broken, np.eye(4)), folder / "sub-04_2.nii.gz")
    return folder, {
        "sub-00_2.png": "empty file",
        "sub-01_2.png": "not a PNG file",
        "sub-02_2.png": "truncated",
        "sub-03_2.png": "constant: every pixel is 7",
        "sub-04_2.nii.gz": "1 of 1,600 pixels are NaN or infinite",
    }


def test_unusable_files_are_listed_together(
    bad_scans: tuple[Path, dict[str, str]], tiny: tuple[str, ...], scanvq: Command, tmp_path: Path
) -> None:
    folder, reasons = bad_scans
    done = scanvq("fit", folder, *tiny, "--out", tmp_path / "run", code=2)
    assert "5 of 25 files cannot be used" in done.stderr
    assert "--skip-bad" in done.stderr
    for name, reason in reasons.items():
        assert f"{name}: {reason}" in done.stderr
    assert not (tmp_path / "run" / "tokenizer").exists()
    reported = scanvq("fit", folder, *tiny, "--out", tmp_path / "run", "--skip-bad", "--epochs", 1)
    assert "test images" in reported.stdout
    skipped = dict(json.loads((tmp_path / "run" / "data.json").read_text())["skipped"])
    assert skipped.keys() == reasons.keys()
    assert all(reasons[name] in reason for name, reason in skipped.items())
    inspected = scanvq("data", "inspect", folder).stdout
    assert all(f"{name}: {reason}" in inspected for name, reason in reasons.items())
    others = ("--data", folder, "--skip-bad")
    refused = scanvq("evaluate", tmp_path / "run", *others, code=2).stderr  # it has learned from most of them
    assert "leaks: the same people or scans" in refused
    scored = scanvq("evaluate", tmp_path / "run", *others, "--allow-leak").stdout
    assert "20 test images" in scored


def test_a_split_of_unusable_files_raises(tiny: tuple[str, ...], scanvq: Command, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    random = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        (folder / split).mkdir(parents=True)
        for number in range(4):
            path = folder / split / f"{split}{number}.png"
            Image.fromarray(random.integers(0, 255, (40, 40), np.uint8)).save(path)
            if split == "val":
                path.write_bytes(b"")
    reported = error_message(scanvq("fit", folder, *tiny, "--out", tmp_path / "run", "--skip-bad", code=2))
    assert "no usable slice for validation (4 files are skipped)" in reported


def test_wrong_arguments_raise(trained: Path, own_scans: Path, refused: Refused, tmp_path: Path) -> None:
    nothing, empty, mask, other = (tmp_path / name for name in ("nothing", "empty", "mask.png", "other.npz"))
    empty.mkdir()
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(mask)
    np.savez(other, tokenizer=np.array("another"), level_0=np.zeros((1, 8, 8), np.int32))
    out = ("--out", tmp_path / "out")
    inpaint = ("inpaint", trained, own_scans / "eight.png", *out)
    calls: list[tuple[Sequence[object], str]] = [
        (("sample", nothing, *out), "is not a ScanVQ run"),
        (("sample", trained, *out, "--label", "MCI"), "label is 'MCI'; use one of AD, NC"),
        (("sample", trained, *out, "--format", "bmp"), "use png, nifti or npz"),
        (("sample", trained, *out, "--layout", "tree"), "use flat or bids"),
        (("sample", trained, *out, "--layout", "bids", "--with-skull"), "needs --suffix: one of T1w"),
        (
            ("sample", trained, *out, "--layout", "bids", "--suffix", "T1w"),
            "--skull-stripped or --with-skull",
        ),
        (("sample", trained, *out, "--layout", "bids", "--format", "png"), "BIDS has NIfTI files"),
        (("sample", trained, *out, "--suffix", "T1w"), "are for --layout bids"),
        (("sample", trained, *out, "--top-p", "3"), "top_p is 3.0"),
        (("sample", trained, *out, "--guidance", "-1"), "guidance is -1.0; it must be 0 or more"),
        (("sample", trained, *out, "--guidance", "2"), "does not support guidance"),
        (("sample", trained, *out, "--device", "tpu"), "device is 'tpu'"),
        (("reconstruct", trained, empty, *out), "has no scans; readable are"),
        (("reconstruct", trained, own_scans, "--out", own_scans), "would overwrite"),
        (("reconstruct", trained, tmp_path / "none.png", *out), "there is no file or folder"),
        (("encode", trained, own_scans, "--out", tmp_path / "codes"), "must end in .npz"),
        (("decode", trained, other, *out), "has codes of tokenizer another"),
        (("decode", trained, mask, *out), "mask.png"),
        ((*inpaint, "--mask", mask), "is 20x30, but the scan is 50x44"),
        (
            (*inpaint, "--mask", own_scans / "volume.nii"),
            "is 44x50, but the scan is 50x44",
        ),
        (inpaint, "give either --mask or --keep"),
        ((*inpaint, "--keep", "middle"), "use one of top-half"),
        (("evaluate", trained, "--data", empty), "holds no scans"),
        (("report", nothing), "is no ScanVQ run"),
        (("recipes", "show", "tinny"), "Did you mean tiny"),
        (("data", "inspect", nothing), "there is no folder"),
    ]
    messages = refused([arguments for arguments, _ in calls])
    for (arguments, expected), message in zip(calls, messages, strict=True):
        assert expected in message, arguments
    assert not (tmp_path / "out").exists()


def test_a_run_without_a_prior_raises(trained: Path, scanvq: Command, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run, ignore=shutil.ignore_patterns("prior"))
    reported = error_message(scanvq("sample", run, "--out", tmp_path / "samples", code=2))
    assert "prior" in reported
    assert not (tmp_path / "samples").exists()


def test_wrong_options_are_usage_errors(scanvq: Command) -> None:
    assert "--budget" in scanvq("fit", "x", "--bugdet", "3m", code=2).stderr
    assert "sampel" in scanvq("sampel", code=2).stderr
