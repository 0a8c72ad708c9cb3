"""Arrays with channels: recognized where it is clear, refused with the readings where it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanvq.imaging.formats import FORMATS, Provenance, UnreadableScan

GRAY = np.random.default_rng(0).integers(0, 900, (5, 12, 15)).astype(np.int16)


def _rgb(gray: np.ndarray) -> np.ndarray:
    return np.stack([gray] * 3, axis=-1)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
@pytest.mark.parametrize(
    ("stored", "slices"),
    [
        (GRAY[0, ..., None], GRAY[:1]),
        (GRAY[..., None], GRAY),
        (GRAY[:, None], GRAY),
        (_rgb(GRAY[0]), GRAY[:1]),
        (_rgb(GRAY), GRAY),
        (GRAY, GRAY),
        (GRAY[0], GRAY[:1]),
    ],
)
def test_clear_shapes_of_npy_files_come_back_as_they_were(
    stored: np.ndarray, slices: np.ndarray, dtype: str, tmp_path: Path
) -> None:
    path = tmp_path / "scan.npy"
    np.save(path, stored.astype(dtype))
    scan, header = FORMATS["npy"].read(path), FORMATS["npy"].header(path)
    assert (header.slices, header.height, header.width) == scan.slices.shape
    np.testing.assert_array_equal(scan.slices, slices.astype(dtype))
    assert header.remarks == (("stored as RGB",) if stored.shape[-1] == 3 else ())
    FORMATS["npy"].write(tmp_path / "again.npy", scan, Provenance(model="0"))
    assert (tmp_path / "again.npy").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("shape", "reported"),
    [
        ((12, 15, 2), "has the shape 12x15x2, which may be one slice of 12x15 with 2 channels, or 12 slices"),
        ((12, 15, 4), "12x15x4, which may be"),
        ((12, 3, 3), "may be one slice of 12x3 with 3 channels, or 12 slices of 3x3"),
        ((2, 12, 15, 2), "give .height, width. or .slices, height, width."),
        ((2, 3, 12, 15), "give .height, width."),
    ],
)
def test_shapes_of_two_readings_are_refused(shape: tuple[int, ...], reported: str, tmp_path: Path) -> None:
    np.save(tmp_path / "scan.npy", np.zeros(shape, np.uint8))
    for look in (FORMATS["npy"].header, FORMATS["npy"].read):
        with pytest.raises(UnreadableScan, match=reported):
            look(tmp_path / "scan.npy")


@pytest.mark.parametrize("dtype", ["uint8", "int16"])
def test_channels_that_differ_are_refused(dtype: str, tmp_path: Path) -> None:
    colors = _rgb(GRAY[0] % 200).astype(dtype)
    colors[..., 1] += 20
    np.save(tmp_path / "scan.npy", colors)
    with pytest.raises(UnreadableScan, match=r"color|channels that differ"):
        FORMATS["npy"].read(tmp_path / "scan.npy")


@pytest.mark.parametrize(
    ("images", "slices"),
    [(GRAY[..., None], GRAY), (GRAY[None, ..., None], GRAY), (GRAY, GRAY), (GRAY[None], GRAY)],
)
def test_a_single_channel_in_an_npz_file(images: np.ndarray, slices: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "f.npz"
    np.savez(path, images=images)
    scan, header = FORMATS["npz"].read(path), FORMATS["npz"].header(path)
    assert (header.slices, header.height, header.width) == scan.slices.shape
    np.testing.assert_array_equal(scan.slices, slices)
    FORMATS["npz"].write(tmp_path / "again.npz", scan)
    with np.load(tmp_path / "again.npz") as again:
        np.testing.assert_array_equal(again["images"], images)


@pytest.mark.parametrize(
    ("shape", "reported"),
    [
        ((12, 15, 1), "may be one slice of 12x15 with 1 channels, or 12 slices of 15x1"),
        ((12, 15, 3), "12x15x3, which may be"),
        ((5, 12, 15, 2), "its images have 2 channels"),
        ((5, 12, 15, 4), "its images have 4 channels"),
    ],
)
def test_ambiguous_arrays_of_an_npz_file_are_refused(
    shape: tuple[int, ...], reported: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "f.npz", images=np.zeros(shape, np.uint8))
    for look in (FORMATS["npz"].header, FORMATS["npz"].read):
        with pytest.raises(UnreadableScan, match=reported):
            look(tmp_path / "f.npz")


def test_one_image_of_an_npz_file_with_a_channel(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", train_images=GRAY[..., None])
    np.testing.assert_array_equal(
        FORMATS["npz"].read(tmp_path / "f.npz" / "train_images" / "3").slices, GRAY[3:4]
    )
