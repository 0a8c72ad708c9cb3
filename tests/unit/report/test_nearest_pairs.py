from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from scanvq import api
from scanvq.report.nearest_pairs import nearest_pairs, scored_codes
from scanvq.report.pictures import WORST, images_of, worst_first
from scanvq.store.run_data import open_data
from tests.unit.report.test_write import trained

__all__ = ["trained"]  # a fixture


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> api.Run:
    return api.load(shutil.copytree(trained, tmp_path / "first"), device="cpu")


def test_pairs_are_those_of_the_audit_closest_first(run: api.Run) -> None:
    codes = run.model.sample_codes(4, label=None, params=run.model.sampling_params(), seed=0)
    data = open_data(run.directory, run.model.recipe.data)
    dataset = data.dataset("train")
    paths = [data.catalog.entries[int(entry)].path for entry in data.store.entry[dataset.rows[:3]]]
    samples = [
        {"file": "image_000.png", "nearest": paths[0].as_posix(), "p": 0.5, "copy": False},
        {"file": "sample_003", "nearest": f"{paths[2].name}, slice 0", "p": 0.01, "copy": True},
        {"file": "image_002.png", "nearest": f"{paths[1].as_posix()}#0", "p": None, "copy": False},
        {"file": "image_001.png", "nearest": "gone.png", "p": 0.02, "copy": False},
    ]
    pairs = nearest_pairs(run.model, data, {"samples": samples}, codes)
    assert [(pair.p, pair.copy) for pair in pairs] == [(0.01, True), (0.5, False), (None, False)]
    assert [pair.name for pair in pairs] == [paths[2].name, paths[0].name, paths[1].name]
    real = images_of(dataset, np.array([2, 0, 1]))
    decoded = run.model.coder.decode(codes)[:, 0].numpy()[[3, 0, 2]]
    for number, pair in enumerate(pairs):
        np.testing.assert_array_equal(pair.nearest, real[number])
        np.testing.assert_allclose(pair.created, decoded[number], atol=1e-5)
    assert nearest_pairs(run.model, data, {"samples": samples}, None) == ()


def test_codes_of_scored_scans(tmp_path: Path) -> None:
    file = tmp_path / "scored.npz"
    assert scored_codes(file, "mine") is None
    levels = {f"level_{n}": np.arange(6, dtype=np.uint8).reshape(3, 1, 2) + n for n in range(2)}
    np.savez_compressed(file, made_by=np.array(json.dumps(["mine", 0, ""])), **levels)
    codes = scored_codes(file, "mine", 2)
    assert codes is not None
    assert scored_codes(file, "retrained") is None
    assert [level.tolist() for level in codes] == [[[[0, 1]], [[2, 3]]], [[[1, 2]], [[3, 4]]]]


def test_worst_first() -> None:
    indices, ranks = worst_first(np.linspace(1.0, 0.0, 31))
    assert indices.tolist() == [30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 15, 0]
    assert ranks[:2] == ("worst", "2. worst")
    assert ranks[WORST:] == ("median", "best")
    indices, ranks = worst_first(np.array([0.5]))
    assert len(indices) == len(ranks) == 3
