"""Conditions in the data record of a run, and changes of their source."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scanvq.conditions.joint_distribution import JointDistribution
from scanvq.conditions.space import ConditionSpace
from scanvq.settings import DataSettings, PreparationSettings
from scanvq.store.run_data import (
    DataChangedError,
    RunData,
    data_record,
    prepare_data,
    reopen_data,
    survey_data,
)
from scanvq.training.datasets import CodeDataset, ImageDataset

SETTINGS = DataSettings(conditions=("age", "sex"))


def table(ages: list[int]) -> str:
    rows = "".join(f"pat{n},{age},{'FM'[n % 2]}\n" for n, age in enumerate(ages))
    return "subject,age,sex\n" + rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Noise, so that no two look alike."""
    scans = tmp_path / "scans"
    scans.mkdir()
    random = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(random.integers(0, 256, (64, 64), np.uint8)).save(scans / f"pat{number}.png")
    (scans / "subjects.csv").write_text(table(list(range(50, 62))))
    return scans


def prepared(folder: Path, settings: DataSettings = SETTINGS, *, skip_bad: bool = False) -> RunData:
    survey = survey_data(folder, settings, PreparationSettings(), seed=0)
    return prepare_data(
        survey,
        PreparationSettings(),
        multiple=4,
        conditions=settings.conditions,
        skip_bad=skip_bad,
        cache=folder.parent / "cache",
    )


def test_files_that_were_left_out_are_not_asked_for_again(folder: Path) -> None:
    plain = DataSettings()
    (folder / "pat99.png").symlink_to("/nowhere/scan.png")
    data = prepared(folder, plain, skip_bad=True)
    assert [str(path) for path, _ in data.store.skipped] == ["pat99.png"]
    record = json.loads(json.dumps(data_record(data)))
    again = reopen_data(record, plain, cache=folder.parent / "cache")
    assert again.store.digest == data.store.digest
    (folder / "pat3.png").unlink()
    with pytest.raises(DataChangedError, match=r"1 of the 13 files .* such as pat3.png"):
        reopen_data(record, plain, cache=folder.parent / "cache")


def test_a_record_keeps_the_space_and_counts_but_no_values(folder: Path) -> None:
    data = prepared(folder)
    record = json.loads(json.dumps(data_record(data)))
    space = ConditionSpace.from_dict(record["conditions"])
    assert space == data.conditions.space
    assert space.names == ("age", "sex")
    sampled = JointDistribution.from_dict(record["joint_distribution"], space).sample(50)
    age = space.numbers[0]
    assert ((sampled.numbers["age"] >= age.low) & (sampled.numbers["age"] <= age.high)).all()
    again = reopen_data(record, SETTINGS, cache=folder.parent / "cache")
    assert again.labels == ()
    for name, values in data.conditions.values.items():
        np.testing.assert_array_equal(again.conditions.values[name], values)


def test_a_changed_table_raises(folder: Path) -> None:
    record = data_record(prepared(folder))
    (folder / "subjects.csv").write_text(table(list(range(51, 63))))
    with pytest.raises(DataChangedError, match="age, sex of the scans"):
        reopen_data(record, SETTINGS, cache=folder.parent / "cache")


def test_tables_are_not_read_if_no_condition_is_used(folder: Path) -> None:
    plain = DataSettings()
    data = prepared(folder, plain)
    record = data_record(data)
    assert record["conditions"] == {}
    assert data.dataset("train").conditions == {}
    (folder / "subjects.csv").write_text(table(list(range(51, 63))))
    assert reopen_data(record, plain, cache=folder.parent / "cache").conditions.values == {}


def test_both_stages_get_the_conditions(folder: Path) -> None:
    data, cpu = prepared(folder), torch.device("cpu")
    dataset = data.dataset("train")
    some = np.array([2, 0])
    condition = ImageDataset(dataset, flip=True).batch(some, np.zeros(2), cpu).condition
    codes = np.zeros((len(dataset), 2, 2), np.uint8)
    of_codes = CodeDataset((codes,), conditions=dataset.conditions).batch(some, np.zeros(2), cpu).condition
    for found in (condition, of_codes):
        np.testing.assert_array_equal(found.numbers["age"], dataset.conditions["age"][some])
        np.testing.assert_array_equal(found.categories["sex"], dataset.conditions["sex"][some])
