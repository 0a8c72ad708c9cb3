"""Sizes of regions: what a segmenter says of samples, and which maps belong to which scans."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scanvq.evaluation import region_sizes
from scanvq.evaluation.image_set import ImageSet
from scanvq.evaluation.label_maps import LabelMaps, MaskError
from scanvq.evaluation.region_sizes import score_regions
from scanvq.evaluation.segmenter import segment, train_segmenter
from scanvq.imaging.geometry import Geometry
from scanvq.imaging.intensity import Intensity
from scanvq.imaging.preparation import Preparation

SIZE = 32


def discs(count: int, first: int, *, radius: float = 0.5) -> tuple[ImageSet, np.ndarray]:
    """Gray discs with a bright core, and their maps: 0, 1 and 2."""
    random = np.random.default_rng(first)
    rows, columns = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    distance = np.hypot(rows, columns)[None] / random.normal(radius, 0.06, (count, 1, 1))
    maps = (distance < 1).astype(np.int64) + (distance < 0.5)
    images = maps * 0.4 + random.normal(0, 0.05, maps.shape)
    subjects = first + np.arange(count)
    return ImageSet(name="discs", images=images.clip(0, 1).astype(np.float32), subjects=subjects), maps


class Part:
    """A split that has its images in memory."""

    def __init__(self, split: str, images: ImageSet, maps: np.ndarray) -> None:
        self.split, self.images, self.maps, self.subjects = split, images, maps, images.subjects

    def read(self, chosen: np.ndarray, name: str) -> ImageSet:
        return self.images.take(chosen)


class Known:
    """The label maps of all images, or of the first ones."""

    folder = Path("maps")

    def __init__(self, most: int = 1000) -> None:
        self.most = most

    def indices(self, part: Part) -> np.ndarray:
        return np.arange(min(len(part.maps), self.most))

    def read(self, part: Part, chosen: np.ndarray) -> np.ndarray:
        return part.maps[chosen]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        region_sizes, "train_segmenter", lambda *one, **named: train_segmenter(*one, steps=60, **named)
    )


def scored(created: ImageSet, maps: Any) -> dict[str, Any]:
    reals, own = Part("test", *discs(24, 1000)), Part("train", *discs(40, 2000))
    training = discs(24, 3000)[0]
    sources = SimpleNamespace(created=created, held_out=reals.images, training=(training,))
    return score_regions(maps, sources, reals, own)


@pytest.mark.usefixtures("quick")
def test_regions_of_another_size_are_far_and_of_the_same_size_near() -> None:
    same = scored(discs(24, 0)[0], Known())
    large = scored(discs(24, 0, radius=0.8)[0], Known())
    assert (same["n"], same["n_train"], list(same["labels"])) == (24, 40, ["1", "2"])
    for label in ("1", "2"):
        near, far = same["labels"][label], large["labels"][label]
        assert near["dice"] == far["dice"] > 0.9
        assert near["size"]["low"] <= near["size"]["value"] < 1
        assert near["size"]["floor"] < 1
        assert far["size"]["value"] > 3
        assert far["share"]["samples"] > 1.5 * far["share"]["reals"]


@pytest.mark.usefixtures("quick")
def test_a_region_that_the_segmenter_does_not_find_is_refused() -> None:
    class Noise(Known):
        def read(self, part: Part, chosen: np.ndarray) -> np.ndarray:
            return np.random.default_rng(len(chosen)).integers(0, 3, (len(chosen), SIZE, SIZE))

    found = scored(discs(24, 0)[0], Noise())
    for label in found["labels"].values():
        assert label["refused"].startswith("SegmenterFails: Dice on held-out scans is ")
        assert "size" not in label
    few = scored(discs(24, 0)[0], Known(most=5))
    assert few["refused"] == (
        "TooFewImages: a segmenter needs at least 8 train images with a map; there are 5"
    )


def test_an_odd_size_is_segmented() -> None:
    images = np.random.default_rng(0).random((9, 21, 13), np.float32)
    before = torch.get_rng_state()
    network = train_segmenter(images, (images > 0.5).astype(np.int64), classes=2, steps=2)
    assert segment(network, images).shape == images.shape
    assert torch.equal(before, torch.get_rng_state())


def test_maps_are_found_by_name_and_sized_like_their_scans(tmp_path: Path) -> None:
    corner = np.zeros((40, 40), np.uint8)
    corner[:20, :20] = 7
    for name in ("seg_001", "b_mask", "c_2_mask", "c_1_mask", "d"):
        Image.fromarray(corner).save(tmp_path / f"{name}.png")
    geometry = Geometry(height=20, width=20, fit="resize")
    model: Any = SimpleNamespace(
        plane="axial",
        preparation=Preparation(geometry=geometry, intensity=Intensity(kind="unit")),
    )
    names = ["case_001", "b", "c_1", "c_2", "d_one", "d_two", "e"]
    entries = [SimpleNamespace(path=Path(f"{name}.nii.gz")) for name in names]
    store = SimpleNamespace(entry=np.arange(7), slice_index=np.array([0, 0, 0, 0, 0, 0, 1]))
    data = SimpleNamespace(
        catalog=SimpleNamespace(entries=entries), store=store, rows=lambda split: np.arange(7)
    )
    part: Any = SimpleNamespace(data=data, split="test")
    maps = LabelMaps(tmp_path, model)
    assert maps.indices(part).tolist() == [0, 1, 2, 3]  # d could be of two scans
    read = maps.read(part, np.array([0, 3]))
    assert read.shape == (2, 20, 20)
    assert (read[:, :10, :10] == 7).all()
    assert (read[:, 10:] == 0).all()
    with pytest.raises(MaskError, match="which is no folder"):
        LabelMaps(tmp_path / "nowhere", model)
