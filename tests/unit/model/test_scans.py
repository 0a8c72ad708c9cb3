"""Scans are preprocessed and restored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.imaging.formats import FORMATS, Scan
from scanvq.imaging.geometry import Geometry
from scanvq.imaging.intensity import Intensity, Kind
from scanvq.imaging.preparation import Preparation
from scanvq.model.scans import prepare_scan, restore_scan
from scanvq.store.dataset import SliceDataset
from scanvq.store.store import prepare_store


def some_scan(slices: int = 3) -> Scan:
    pixels = np.random.default_rng(0).integers(-500, 1500, (slices, 14, 20), dtype=np.int16)
    return Scan(slices=pixels, properties={"spacing": 2})


def test_preparing_and_restoring_is_exact(preparation: Preparation) -> None:
    scan = some_scan()
    images = prepare_scan(scan, preparation)
    assert images.shape == (3, 1, 16, 24)
    assert images.min() >= 0
    assert images.max() <= 1
    again = restore_scan(images, scan, preparation)
    assert np.array_equal(again.slices, scan.slices)
    assert again.properties == scan.properties


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32"])
@pytest.mark.parametrize("kind", ["file", "percentiles", "full"])
def test_a_file_and_the_store_give_the_same_images(tmp_path: Path, dtype: str, kind: Kind) -> None:
    pixels = np.random.default_rng(0).normal(300, 4000, (5, 14, 20)).astype(dtype)
    FORMATS["nifti"].write(tmp_path / "a.nii.gz", Scan(slices=pixels))
    entry = Entry(Path("a.nii.gz"), "a", "a", "train", None)
    catalog = Catalog(root=tmp_path, layout="flat", entries=(entry,), labels=(), notes=())
    geometry = Geometry(height=16, width=24)
    store = prepare_store(catalog, geometry=geometry, slices="all", cache=tmp_path / "cache")
    preparation = Preparation(geometry=geometry, intensity=Intensity(kind=kind, low=-900.5, high=4100.25))
    stored, _ = SliceDataset(store, np.arange(5), preparation.intensity).batch(np.arange(5))
    read = prepare_scan(FORMATS["nifti"].read(tmp_path / "a.nii.gz"), preparation)
    assert torch.equal(read, stored)
