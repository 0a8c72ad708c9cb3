"""The digest of the test images: of these images alone, wherever they lie and whatever the others are."""

from __future__ import annotations

import shutil
from pathlib import Path

from scanvq.settings import DataSettings, PreparationSettings
from scanvq.store.run_data import data_record, prepare_data, survey_data


def record(folder: Path, cache: Path) -> dict:
    preparation = PreparationSettings(size=(32, 32), fit="resize")
    survey = survey_data(folder, DataSettings(), preparation, seed=0)
    return data_record(prepare_data(survey, preparation, multiple=8, cache=cache))


def test_other_training_scans_leave_it_as_it_is(scans: Path, tmp_path: Path) -> None:
    whole = record(scans, tmp_path / "cache")
    splits = {path: split for path, _, _, split, _ in whole["entries"]}
    table = tmp_path / "fewer.csv"
    kept = [path for path, split in splits.items() if split != "train"]
    kept += [path for path, split in splits.items() if split == "train"][:6]
    lines = [f"{scans / path},{Path(path).name[:3]},{splits[path]}" for path in sorted(kept)]
    table.write_text("\n".join(["path,subject,split", *lines]) + "\n", encoding="utf-8")
    fewer = record(table, tmp_path / "cache")
    assert fewer["slices"]["train"] == 6
    assert fewer["content"] != whole["content"]
    assert fewer["test_content"] == whole["test_content"]


def test_another_test_image_changes_it(scans: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    shutil.copytree(scans, folder)
    before = record(folder, tmp_path / "cache")
    test = [path for path, _, _, split, _ in before["entries"] if split == "test"]
    shutil.copy(folder / test[0], folder / test[1])
    assert record(folder, tmp_path / "cache")["test_content"] != before["test_content"]
