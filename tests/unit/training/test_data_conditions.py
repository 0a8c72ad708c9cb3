"""What a run's record keeps of conditions, and what happens when their source changes."""

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
from scanvq.training.batch_sources import CodeSource, ImageSource

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


def prepared(folder: Path, settings: DataSettings = SETTINGS) -> RunData:
    survey = survey_data(folder, settings, PreparationSettings(), seed=0)
    return prepare_data(
        survey,
        PreparationSettings(),
        multiple=4,
        conditions=settings.conditions,
        cache=folder.parent / "cache",
    )


def test_a_record_keeps_the_space_and_counts_but_no_values(folder: Path) -> None:
    data = prepared(folder)
    record = json.loads(json.dumps(data_record(data)))
    space = ConditionSpace.from_dict(record["conditions"])
    assert space == data.conditions.space
    assert space.names == ("age", "sex")
    drawn = JointDistribution.from_dict(record["joint_distribution"], space).sample(50)
    age = space.numbers[0]
    assert ((drawn.numbers["age"] >= age.low) & (drawn.numbers["age"] <= age.high)).all()
    again = reopen_data(record, SETTINGS, cache=folder.parent / "cache")
    assert again.labels == ()
    for name, values in data.conditions.values.items():
        np.testing.assert_array_equal(again.conditions.values[name], values)


def test_a_changed_table_is_told(folder: Path) -> None:
    record = data_record(prepared(folder))
    (folder / "subjects.csv").write_text(table(list(range(51, 63))))
    with pytest.raises(DataChangedError, match="age, sex of the scans"):
        reopen_data(record, SETTINGS, cache=folder.parent / "cache")


def test_nothing_is_asked_where_nothing_is_used(folder: Path) -> None:
    plain = DataSettings()
    data = prepared(folder, plain)
    record = data_record(data)
    assert record["conditions"] == {}
    assert data.dataset("train").conditions == {}
    (folder / "subjects.csv").write_text(table(list(range(51, 63))))
    assert reopen_data(record, plain, cache=folder.parent / "cache").conditions.values == {}


def test_both_stages_are_told(folder: Path) -> None:
    data, cpu = prepared(folder), torch.device("cpu")
    dataset = data.dataset("train")
    some = np.array([2, 0])
    condition = ImageSource(dataset, flip=True).batch(some, np.zeros(2), cpu).condition
    codes = np.zeros((len(dataset), 2, 2), np.uint8)
    of_codes = CodeSource((codes,), conditions=dataset.conditions).batch(some, np.zeros(2), cpu).condition
    for own in (condition, of_codes):
        np.testing.assert_array_equal(own.numbers["age"], dataset.conditions["age"][some])
        np.testing.assert_array_equal(own.categories["sex"], dataset.conditions["sex"][some])
