"""JPEG: gray and gray stored as color are read; color is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanvq.imaging.formats import FORMATS, UnreadableScan

JPEG = FORMATS["jpeg"]
GRAY = np.add.outer(np.arange(24) * 5, np.arange(17) * 7).astype(np.uint8)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 40}, {"optimize": True}])
def test_gray_is_read_and_its_mode_kept(mode: str, options: dict[str, int], tmp_path: Path) -> None:
    path = tmp_path / "218391_78.jpeg"
    Image.fromarray(GRAY).convert(mode).save(path, format="JPEG", **options)
    scan, header = JPEG.read(path), JPEG.header(path)
    with Image.open(path) as image:
        np.testing.assert_array_equal(scan.slices[0], np.asarray(image.convert("L")))
    assert (header.slices, header.height, header.width) == scan.slices.shape == (1, 24, 17)
    assert bool(header.remarks) == (mode == "RGB")
    JPEG.write(tmp_path / "back.jpg", scan)
    with Image.open(tmp_path / "back.jpg") as back:
        assert back.mode == mode
    again = JPEG.read(tmp_path / "back.jpg").slices.astype(int)
    np.testing.assert_allclose(again, scan.slices.astype(int), atol=6)


def test_slightly_tinted_gray_is_gray(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    Image.fromarray(noise).convert("RGB").save(tmp_path / "scan.jpg", quality=60)
    assert JPEG.read(tmp_path / "scan.jpg").slices.shape == (1, 40, 40)


def test_true_color_is_refused(tmp_path: Path) -> None:
    colors = np.stack([GRAY, 255 - GRAY, GRAY], axis=-1)
    Image.fromarray(colors).save(tmp_path / "scan.jpg")
    with pytest.raises(UnreadableScan, match="colored, not gray"):
        JPEG.read(tmp_path / "scan.jpg")


def test_cmyk_is_refused(tmp_path: Path) -> None:
    Image.fromarray(GRAY).convert("CMYK").save(tmp_path / "scan.jpg")
    with pytest.raises(UnreadableScan, match="unsupported mode \\(CMYK\\)"):
        JPEG.read(tmp_path / "scan.jpg")


def test_a_frame_header_behind_a_long_thumbnail_is_found(tmp_path: Path) -> None:
    path = tmp_path / "scan.jpg"
    Image.fromarray(GRAY).save(path)
    data = path.read_bytes()
    comment = b"\xff\xfe" + (65_000).to_bytes(2, "big") + bytes(64_998)
    path.write_bytes(data[:2] + comment + b"\xff" + data[2:])
    header = JPEG.header(path)
    assert (header.height, header.width) == (24, 17)
    assert JPEG.read(path).slices.shape == (1, 24, 17)


def test_a_cut_file_is_called_truncated(tmp_path: Path) -> None:
    path = tmp_path / "scan.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-500])
    assert JPEG.header(path).height == 60
    with pytest.raises(UnreadableScan, match="truncated"):
        JPEG.read(path)


def test_wider_pixels_are_rounded_and_clipped_into_a_known_file(tmp_path: Path) -> None:
    Image.fromarray(GRAY).save(tmp_path / "scan.jpg")
    scan = JPEG.read(tmp_path / "scan.jpg")
    JPEG.write(tmp_path / "back.jpg", replace(scan, slices=np.full((1, 24, 17), 900.0, np.float32)))
    assert (JPEG.read(tmp_path / "back.jpg").slices == 255).all()
