"""Batches are bit-identical to the images of `Preparation`."""

from pathlib import Path

import numpy as np
import pytest
import torch

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.cohort.conditions import used_columns
from scanvq.imaging.formats import Scan, format_of
from scanvq.imaging.geometry import Geometry
from scanvq.imaging.intensity import Intensity
from scanvq.imaging.packing import Packing
from scanvq.imaging.preparation import Preparation, Slice
from scanvq.store.dataset import SliceDataset
from scanvq.store.slice_conditions import measure_conditions
from scanvq.store.store import Store, prepare_store

GEOMETRY = Geometry(height=16, width=24)
LABELS = ("AD", None, "NC", "AD", "other")


def _store(tmp_path: Path, dtype: str) -> tuple[Store, list[Slice]]:
    random = np.random.default_rng(0)
    entries, slices = [], []
    for i, label in enumerate(LABELS):
        pixels = random.integers(0, 200 + i, (13, 21)).astype(dtype)
        if dtype != "uint8":
            pixels = (pixels.astype(np.float64) * 150 - (0 if dtype == "uint16" else 100)).astype(dtype)
        if dtype == "float32":
            pixels /= np.float32(7)
        name = f"{i}.png" if dtype.startswith("uint") else f"{i}.nii"
        format_of(tmp_path / name).write(tmp_path / name, Scan(slices=pixels[None]))
        low, high = float(pixels.min()), float(pixels.max())
        packing = Packing.of(pixels, low, high)
        slices.append(Slice(pixels=pixels, file_low=low, file_high=high, packing=packing))
        entries.append(Entry(path=Path(name), subject=name, group=name, split="train", label=label))
    catalog = Catalog(root=tmp_path, layout="flat", entries=tuple(entries), labels=("AD", "NC"), notes=())
    return prepare_store(catalog, geometry=GEOMETRY, cache=tmp_path / "cache"), slices


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32"])
@pytest.mark.parametrize("kind", ["file", "percentiles", "full"])
@pytest.mark.parametrize("limits", [(20, 1250), (-317.3, 21000.7)])
def test_a_batch_is_what_the_preparation_makes(
    tmp_path: Path, dtype: str, kind: str, limits: tuple[float, float]
) -> None:
    store, slices = _store(tmp_path, dtype)
    intensity = Intensity(kind=kind, low=limits[0], high=limits[1])
    dataset = SliceDataset(store, np.array([4, 2, 0]), intensity)
    images, _ = dataset.batch(np.array([2, 0]), "cpu")
    assert images.dtype == torch.float32
    assert images.shape == (2, 1, 16, 24)
    preparation = Preparation(geometry=GEOMETRY, intensity=intensity)
    expected = torch.stack([preparation.apply(slices[0]), preparation.apply(slices[4])])
    assert torch.equal(images, expected)
    assert len(images.unique()) > 2


def test_labels_are_indices_and_missing_ones_are_absent(tmp_path: Path) -> None:
    store, _ = _store(tmp_path, "uint8")
    rows = np.arange(5)
    conditions = measure_conditions(used_columns(store.catalog, (), volumes=False), store, rows)
    dataset = SliceDataset(store, rows, Intensity(kind="file"), conditions)
    assert len(dataset) == 5
    condition = dataset.batch(rows, "cpu")[1]
    assert condition.names == ("label",)
    assert condition.label is not None
    assert condition.label.dtype == torch.int64
    assert condition.label.tolist() == [0, 2, 1, 0, 2]
    assert SliceDataset(store, rows, Intensity(kind="file")).batch(rows)[1].names == ()


def test_a_batch_may_be_empty(tmp_path: Path) -> None:
    store, _ = _store(tmp_path, "uint8")
    dataset = SliceDataset(store, np.arange(5), Intensity(kind="file"))
    images, condition = dataset.batch(np.array([], np.int64), "cpu")
    assert images.shape == (0, 1, 16, 24)
    assert condition.names == ()


def test_a_batch_does_not_touch_the_store(tmp_path: Path) -> None:
    store, _ = _store(tmp_path, "uint16")
    before = store.raw.copy()
    dataset = SliceDataset(store, np.arange(5), Intensity(kind="file"))
    dataset.batch(np.arange(5), "cpu")[0].zero_()
    np.testing.assert_array_equal(store.raw, before)
