"""PNG: every way of storing gray is read, kept when written, and true color is refused."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanvq.imaging.formats import FORMATS, UnreadableScan

PNG = FORMATS["png"]
GRAY = np.arange(12 * 10, dtype=np.uint8).reshape(12, 10) * 2


def alpha() -> np.ndarray:
    return np.where(GRAY > 100, 255, 40).astype(np.uint8)


def images() -> dict[str, Image.Image]:
    gray = Image.fromarray(GRAY)
    palette = Image.fromarray(GRAY)
    palette.putpalette([level for level in range(256) for _ in range(3)])
    return {
        "L": gray,
        "P": palette,
        "RGB": Image.merge("RGB", [gray] * 3),
        "RGBA": Image.merge("RGBA", [gray] * 3 + [Image.fromarray(alpha())]),
        "LA": Image.merge("LA", [gray, Image.fromarray(alpha())]),
    }


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "LA"])
def test_gray_in_any_mode_is_the_same_scan_and_keeps_its_mode(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "case_001_slice_0.nii.png"
    images()[mode].save(path)
    scan, header = PNG.read(path), PNG.header(path)
    np.testing.assert_array_equal(scan.slices, GRAY[None])
    assert scan.slices.dtype == header.dtype == np.uint8
    assert bool(header.remarks) == (mode != "L")
    PNG.write(tmp_path / "back.png", replace(scan, slices=255 - scan.slices))
    with Image.open(tmp_path / "back.png") as back:
        assert back.mode == mode
        if "A" in mode:
            np.testing.assert_array_equal(np.asarray(back)[..., -1], alpha())
    np.testing.assert_array_equal(PNG.read(tmp_path / "back.png").slices[0], 255 - GRAY)


def test_a_palette_in_any_order_is_looked_up(tmp_path: Path) -> None:
    image = Image.fromarray(GRAY)
    image.putpalette([255 - level for level in range(256) for _ in range(3)])
    image.save(tmp_path / "scan.png")
    np.testing.assert_array_equal(PNG.read(tmp_path / "scan.png").slices[0], 255 - GRAY)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_fill_the_range_of_eight(bits: int, tmp_path: Path) -> None:
    levels = np.arange(12 * 16).reshape(12, 16) % 2**bits
    image = Image.fromarray(levels.astype(np.uint8))
    image.putpalette([level * 255 // (2**bits - 1) for level in range(2**bits) for _ in range(3)])
    image.save(tmp_path / "scan.png", bits=bits)
    expected = levels * 255 // (2**bits - 1)
    scan = PNG.read(tmp_path / "scan.png")
    np.testing.assert_array_equal(scan.slices[0], expected)
    assert PNG.header(tmp_path / "scan.png").dtype == np.uint8


def test_one_bit_stays_one_bit(tmp_path: Path) -> None:
    mask = GRAY > 100
    Image.fromarray(mask).save(tmp_path / "mask.png")
    scan = PNG.read(tmp_path / "mask.png")
    np.testing.assert_array_equal(scan.slices[0], mask * 255)
    PNG.write(tmp_path / "mask.png", replace(scan, slices=scan.slices // 2 + 60))
    with Image.open(tmp_path / "mask.png") as back:
        assert back.mode == "1"
        np.testing.assert_array_equal(np.asarray(back), mask)


def test_sixteen_bits_keep_every_value(tmp_path: Path) -> None:
    wide = np.arange(200 * 300, dtype=np.uint16).reshape(200, 300)
    Image.fromarray(wide).save(tmp_path / "scan.png")
    scan = PNG.read(tmp_path / "scan.png")
    assert scan.slices.dtype == PNG.header(tmp_path / "scan.png").dtype == np.uint16
    np.testing.assert_array_equal(scan.slices[0], wide)
    PNG.write(tmp_path / "back.png", scan)
    with Image.open(tmp_path / "back.png") as back:
        assert back.mode == "I;16"
        np.testing.assert_array_equal(np.asarray(back), wide)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_true_color_is_refused(mode: str, tmp_path: Path) -> None:
    image = images()[mode]
    if mode == "P":
        image.putpalette([value for level in range(256) for value in (level, 0, 255 - level)])
    else:
        colors = np.array(image)
        colors[0, :, 0] = 200
        image = Image.fromarray(colors)
    image.save(tmp_path / "scan.png")
    with pytest.raises(UnreadableScan, match=r"colored, not gray \(\d+.*save it as gray"):
        PNG.read(tmp_path / "scan.png")


def test_channels_that_differ_by_rounding_count_as_gray(tmp_path: Path) -> None:
    colors = np.stack([GRAY, GRAY + 1, GRAY + 2], axis=-1)
    Image.fromarray(colors).save(tmp_path / "scan.png")
    np.testing.assert_array_equal(PNG.read(tmp_path / "scan.png").slices[0], GRAY + 1)


def _checked(data: bytearray) -> bytes:
    """A PNG file whose IHDR was changed, with the checksum of what it says now."""
    return bytes(data[:29]) + zlib.crc32(data[12:29]).to_bytes(4, "big") + bytes(data[33:])


def test_sixteen_bits_of_color_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    Image.fromarray(GRAY.astype(np.uint16)).save(path)
    data = bytearray(path.read_bytes())
    data[25] = 2  # the color type of IHDR
    path.write_bytes(_checked(data))
    for look in (PNG.header, PNG.read):
        with pytest.raises(UnreadableScan, match="16 bits per channel"):
            look(path)


def test_an_animation_is_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(GRAY), Image.fromarray(255 - GRAY)]
    frames[0].save(tmp_path / "scan.png", save_all=True, append_images=frames[1:])
    with pytest.raises(UnreadableScan, match="animation of 2 frames"):
        PNG.read(tmp_path / "scan.png")


def test_another_kind_of_file_with_this_name_is_refused(tmp_path: Path) -> None:
    Image.fromarray(GRAY).save(tmp_path / "scan.png", format="JPEG")
    for look in (PNG.header, PNG.read):
        with pytest.raises(UnreadableScan, match="not a PNG file"):
            look(tmp_path / "scan.png")


def test_a_header_that_claims_too_much_is_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    Image.fromarray(GRAY).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    path.write_bytes(_checked(data))
    for look in (PNG.header, PNG.read):
        with pytest.raises(UnreadableScan, match="claims 100000x100000"):
            look(path)


def test_float_pixels_are_rounded_and_clipped_into_a_known_file(tmp_path: Path) -> None:
    Image.fromarray(GRAY).save(tmp_path / "scan.png")
    scan = PNG.read(tmp_path / "scan.png")
    values = np.linspace(-9, 300, GRAY.size, dtype=np.float32).reshape(scan.slices.shape)
    PNG.write(tmp_path / "back.png", replace(scan, slices=values))
    expected = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(PNG.read(tmp_path / "back.png").slices, expected)
