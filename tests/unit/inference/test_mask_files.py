"""Masks are found by name, and refused where they do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanvq.imaging.formats import Scan
from scanvq.inference.mask_files import match_masks, read_mask


def write(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def test_masks_are_found_by_the_name_of_the_scan(tmp_path: Path) -> None:
    pixels = np.arange(12).reshape(3, 4)
    scans = [write(tmp_path / "scans" / f"{name}.png", pixels) for name in ("a", "a_1", "b", "c")]
    masks = tmp_path / "masks"
    own = [write(masks / name, pixels > 3) for name in ("a_lesion.png", "a_1_lesion.png", "b.png")]
    assert match_masks(scans, masks) == [own[0], own[1], own[2], None]


def test_several_masks_and_none_are_refused(tmp_path: Path) -> None:
    pixels = np.arange(12).reshape(3, 4)
    scans = [write(tmp_path / "scans" / "a.png", pixels)]
    for name in ("a_lesion.png", "a_mask.png"):
        write(tmp_path / "two" / name, pixels > 3)
    write(tmp_path / "other" / "b.png", pixels > 3)
    with pytest.raises(ValueError, match=r"2 masks for a: a_lesion\.png, a_mask\.png"):
        match_masks(scans, tmp_path / "two")
    with pytest.raises(ValueError, match="none of the 1 images"):
        match_masks(scans, tmp_path / "other")
    with pytest.raises(ValueError, match="no such folder"):
        match_masks(scans, tmp_path / "nowhere")


def test_a_mask_is_of_the_size_of_its_scan_and_has_two_values(tmp_path: Path) -> None:
    scan = Scan(slices=np.zeros((1, 3, 4), np.uint8))
    good = write(tmp_path / "good.png", np.eye(3, 4) * 255)
    assert read_mask(good, scan, plane="axial").tolist() == [np.eye(3, 4).astype(bool).tolist()]
    assert not read_mask(None, scan, plane="axial").any()
    with pytest.raises(ValueError, match="is 1x4x3, its scan 1x3x4"):
        read_mask(write(tmp_path / "turned.png", np.eye(4, 3)), scan, plane="axial")
    with pytest.raises(ValueError, match="has 12 values"):
        read_mask(write(tmp_path / "gray.png", np.arange(12).reshape(3, 4)), scan, plane="axial")
