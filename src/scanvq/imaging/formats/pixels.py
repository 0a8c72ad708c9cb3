"""PNG and JPEG decoding by Pillow with clear errors, and conversion of RGB pixels to gray."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from scanvq.imaging.formats.format import PIXEL_LIMIT
from scanvq.imaging.formats.reading import UnreadableScan, read_bytes

_DECODERS: dict[str, type[ImageFile]] = {"PNG": PngImageFile, "JPEG": JpegImageFile}
MOST_CHANNELS = 4  # of color images with transparency
DISPLAY = ("exif", "dpi")
_ORIENTATION = 0x0112  # tag of EXIF
_HEADER_BYTES = 16_384  # holds the header of nearly every file


def read_header(path: Path, kind: str) -> ImageFile:
    """The header of a "PNG" or "JPEG" file, without decoding pixels. Raises UnreadableScan."""
    data = read_bytes(path, _HEADER_BYTES)
    try:
        return parse_header(path, data, kind)
    except UnreadableScan:
        if len(data) < _HEADER_BYTES:
            raise
    return parse_header(path, read_bytes(path), kind)  # long thumbnails or profiles may precede it


def parse_header(path: Path, data: bytes, kind: str) -> ImageFile:
    """Parses the header of a "PNG" or "JPEG" file from its first bytes. Raises UnreadableScan."""
    try:
        # Image.open would warn of large images before their size can be checked.
        image = _DECODERS[kind](io.BytesIO(data))
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError) as error:
        if data[128:132] == b"DICM":
            raise UnreadableScan(path, f"a DICOM file, not {kind}; rename it to end in .dcm") from None
        truncated = "truncated" in str(error).lower()
        reason = "truncated" if truncated else f"not a {kind} file, or its header is damaged ({error})"
        raise UnreadableScan(path, reason) from None
    check_size(path, image.height, image.width)
    return image


def decode(path: Path, data: bytes, kind: str) -> Image.Image:
    """Decodes a "PNG" or "JPEG" file. Raises UnreadableScan."""
    try:
        image = Image.open(io.BytesIO(data), formats=[kind])
        image.load()
    except MemoryError:
        raise UnreadableScan(path, "too large for the memory of this machine") from None
    except Image.UnidentifiedImageError:
        raise UnreadableScan(path, f"not a {kind} file, or its header is damaged") from None
    # Pillow raises any of these for damaged files; tests turn its size warning into an error.
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, Warning) as error:
        reason = "truncated" if "truncated" in str(error).lower() else f"damaged {kind} file ({error})"
        raise UnreadableScan(path, reason) from None
    except Image.DecompressionBombError as error:
        raise UnreadableScan(path, f"too many pixels ({error})") from None
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise UnreadableScan(path, f"an animation of {frames} frames; save one frame per file")
    return image


def to_gray(path: Path, colors: np.ndarray, *, tolerance: int) -> np.ndarray:
    """RGB channels (H, W, 3) with equal values to a gray image (H, W).

    Args:
        path: path for the message.
        colors: uint8.
        tolerance: allowed difference of the channels in gray levels, for lossy files.

    Raises:
        UnreadableScan: the channels differ by more than `tolerance`.
    """
    red, green, blue = colors[..., 0], colors[..., 1], colors[..., 2]
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return np.ascontiguousarray(red)
    wide = colors[..., :3].astype(np.int16)
    spread = wide.max(axis=-1) - wide.min(axis=-1)
    if int(spread.max()) > tolerance:
        share = float((spread > tolerance).mean())
        raise UnreadableScan(path, f"colored, not gray ({share:.1%} of its pixels); save it as gray")
    return np.rint(wide.mean(axis=-1)).astype(np.uint8)


def display_properties(image: Image.Image) -> dict[str, Any]:
    """How viewers show an image: EXIF data, which hold its orientation, and resolution; both are kept."""
    return {name: image.info[name] for name in DISPLAY if image.info.get(name)}


def display_remarks(image: Image.Image) -> tuple[str, ...]:
    """Remarks on pixels that viewers rotate, mirror or stretch: they are used as stored."""
    remarks = []
    try:
        turned = image.getexif().get(_ORIENTATION, 1)
    except (SyntaxError, ValueError, KeyError, TypeError, OSError, struct.error):  # damaged, and not needed
        turned = 1
    if turned not in (0, 1):
        remarks.append(f"viewers turn it (EXIF orientation {turned}); used as stored")
    aspect = _aspect(image)
    if aspect is not None:
        remarks.append(
            f"viewers stretch it (aspect {aspect[0]}:{aspect[1]}, without a length); used as stored, and "
            "outputs have square pixels"
        )
    return tuple(remarks)


def _aspect(image: Image.Image) -> tuple[int, int] | None:
    """Pixels per unknown length along x and y, of a PNG (pHYs) or JPEG (JFIF); None if equal or not given."""
    aspect = image.info.get("aspect")
    if aspect is None and image.info.get("jfif_unit") == 0:
        aspect = image.info.get("jfif_density")
    return None if aspect is None or min(aspect) < 1 or aspect[0] == aspect[1] else aspect


def channel_axis(shape: tuple[int, ...]) -> int | None:
    """The last axis if it holds channels: 1 to 4 of them, of images that are larger; None if it does not."""
    if len(shape) >= 3 and 1 <= shape[-1] <= MOST_CHANNELS < min(shape[-3:-1]):
        return len(shape) - 1
    return None


def check_size(path: Path, height: int, width: int) -> None:
    """Raises UnreadableScan for a header with no pixels, or with more than the limit."""
    if height < 1 or width < 1:
        raise UnreadableScan(path, f"holds no pixels ({height}x{width})")
    # Pillow warns above its limit; slices of scans are far below it.
    if height * width > min(PIXEL_LIMIT, Image.MAX_IMAGE_PIXELS or PIXEL_LIMIT):
        raise UnreadableScan(path, f"claims {height}x{width} pixels, more than any slice of a scan")


def single_slice(slices: np.ndarray, kind: str) -> np.ndarray:
    """The slice (H, W) of a scan that is written as an image. Raises ValueError for a volume."""
    if slices.ndim != 3 or slices.shape[0] != 1:
        raise ValueError(
            f"a {kind} file holds one slice; this scan has shape {slices.shape}. Write NIfTI instead."
        )
    return slices[0]
