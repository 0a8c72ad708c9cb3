"""A copy of a scan in another split: an error, or allowed and shown in the report."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

# (a file in train, what it is called in test)
PLANTED = {
    "oasis": (
        "keras_png_slices_train/case_002_slice_1.nii.png",
        "keras_png_slices_test/case_900_slice_1.nii.png",
    ),
    "hipmri": (
        "keras_slices_train/case_005_week_0_slice_1.nii.gz",
        "keras_slices_test/case_900_week_0_slice_1.nii.gz",
    ),
    "adni": ("AD_NC/train/AD/*_79.jpeg", "AD_NC/test/AD/900000_79.jpeg"),
}


@pytest.mark.parametrize("layout", PLANTED)
def test_a_copied_scan_raises_then_is_allowed(
    layout: str, cohorts: dict[str, Path], tiny: tuple[str, ...], scanvq: Command, tmp_path: Path
) -> None:
    folder, run = tmp_path / "scans", tmp_path / "run"
    shutil.copytree(cohorts[layout], folder)
    settings = [argument for argument in tiny if argument.startswith(("--recipe", "--set"))]
    assert "no leaks" in scanvq("data", "check", folder, *settings).stdout
    original, copy = PLANTED[layout]
    original = sorted(folder.glob(original))[0].relative_to(folder).as_posix()
    shutil.copyfile(folder / original, folder / copy)

    checked = scanvq("data", "check", folder, *settings, code=1).stdout
    assert "1 leaks between the splits" in checked
    reported = scanvq("fit", folder, *tiny, "--epochs", 1, "--out", run, code=2).stderr
    for text in (checked, reported):
        assert original in text
        assert copy in text
    for way_out in ("data.subject", "subjects.csv", "--allow-leak"):
        assert way_out in reported
    assert not (run / "tokenizer").exists()
    assert "1 leaks" in scanvq("data", "prepare", folder, *settings, code=2).stderr
    assert "LEAK, allowed: 1" in scanvq("data", "prepare", folder, *settings, "--allow-leak").stdout

    scanvq("fit", folder, *tiny, "--epochs", 1, "--out", run, "--allow-leak")
    assert json.loads((run / "run.json").read_text())["allow_leak"] is True
    (leak,) = json.loads((run / "data.json").read_text())["leaks"]
    assert (leak["first"], leak["second"], leak["splits"]) == (original, copy, ["train", "test"])
    assert json.loads((run / "metrics.json").read_text())["leak"]["pairs"] == 1
    page = (run / "report.html").read_text()
    red = page.split('<div class="leak" role="alert">')[1].split("</div>")[0]
    assert original in red
    assert copy in red
    assert ".leak { border: 2px solid var(--warn); border-radius: 10px; color: var(--warn)" in page
    assert "which were not used in training" not in page


def test_inspect_shows_the_subjects_and_a_pattern_corrects_them(
    cohorts: dict[str, Path], scanvq: Command
) -> None:
    reported = scanvq("data", "inspect", cohorts["oasis"]).stdout
    assert re.search(r"keras_png_slices_test/(case_\d+)_slice_0\.nii\.png -> \1 \(test, (AD|NC)\)", reported)
    other = scanvq("data", "inspect", cohorts["oasis"], "--subject", r"slice_(\d+)").stdout
    assert re.search(r"keras_png_slices_test/case_\d+_slice_0\.nii\.png -> 0 \(test, (AD|NC)\)", other)


def test_a_subject_in_two_given_splits_is_listed(
    cohorts: dict[str, Path], tiny: tuple[str, ...], scanvq: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "scans"
    shutil.copytree(cohorts["adni"], folder)
    here = sorted((folder / "AD_NC/train/AD").iterdir())[0]
    here.rename(folder / "AD_NC/test/AD" / here.name)
    reported = scanvq("fit", folder, *tiny, "--out", tmp_path / "run", code=2).stderr
    assert here.name in reported
    assert "one subject or group on two sides" in reported


def test_other_scans_are_compared_with_the_training_scans(
    trained: Path, scanvq: Command, tmp_path: Path
) -> None:
    run, others = tmp_path / "run", tmp_path / "others"
    shutil.copytree(trained, run)
    others.mkdir()
    record = json.loads((run / "data.json").read_text())
    learned = next(path for path, _, _, split, _ in record["entries"] if split == "train")
    tested = [path for path, _, _, split, _ in record["entries"] if split == "test"][:3]
    for path in tested:
        shutil.copy(Path(record["folder"]) / path, others)
    reported = scanvq("evaluate", run, "--data", others).stdout
    assert "3 test images" in reported
    assert "LEAK" not in reported
    assert "not compared" not in reported

    shutil.copy(Path(record["folder"]) / learned, others / "900000_79.jpeg")
    refused = scanvq("evaluate", run, "--data", others, code=2).stderr
    assert "1 leaks" in refused
    assert learned in refused
    assert "900000_79.jpeg" in refused
    allowed = scanvq("evaluate", run, "--data", others, "--allow-leak").stdout
    assert "LEAK, allowed: 1 subjects or scans are on two sides" in allowed
    assert json.loads((run / "metrics-others.json").read_text())["leak"]["pairs"] == 1

    recipe = (run / "recipe.toml").read_text()
    (run / "recipe.toml").write_text(recipe.replace('subject = ""', "subject = 'nobody-([0-9]+)'"))
    reported = scanvq("evaluate", run, "--data", others, "--allow-leak").stdout
    assert "note: the run's data.subject, 'nobody-([0-9]+)', finds no subject in 4 of 4 files" in reported
    assert json.loads((run / "metrics-others.json").read_text())["leak"]["unmatched"] in reported

    (run / "data.json").write_text(json.dumps({**record, "folder": str(tmp_path / "gone")}))
    reported = scanvq("evaluate", run, "--data", others).stdout
    assert f"files of this run are not in {tmp_path / 'gone'}" in reported
    assert json.loads((run / "metrics-others.json").read_text())["leak"]["unchecked"]
