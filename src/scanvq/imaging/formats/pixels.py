"""Gray out of colored pixels, and pixels out of Pillow without its warnings."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from scanvq.imaging.formats.format import PIXEL_LIMIT, UnreadableScan, read_bytes

_KINDS: dict[str, type[ImageFile]] = {"PNG": PngImageFile, "JPEG": JpegImageFile}
_START = 16_384  # bytes that hold the header of nearly every file


def read_header(path: Path, kind: str) -> ImageFile:
    """The header of a "PNG" or "JPEG" file, its pixels not decoded. Raises UnreadableScan."""
    data = read_bytes(path, _START)
    try:
        return header_of(path, data, kind)
    except UnreadableScan:
        if len(data) < _START:
            raise
    return header_of(path, read_bytes(path), kind)  # thumbnails and profiles may push it back


def header_of(path: Path, data: bytes, kind: str) -> ImageFile:
    """The header at the start of a file that must be of one kind. Raises UnreadableScan."""
    try:
        # Not by Image.open, which warns of large images before their size can be refused.
        image = _KINDS[kind](io.BytesIO(data))
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError) as error:
        reported = str(error)
        cut = "truncated" in reported.lower()
        reason = "truncated" if cut else f"not a {kind} file, or its header is damaged ({reported})"
        raise UnreadableScan(path, reason) from None
    check_size(path, image.height, image.width)
    return image


def decode(path: Path, data: bytes, kind: str) -> Image.Image:
    """Decodes a whole file that must be of one kind ("PNG" or "JPEG"). Raises UnreadableScan."""
    try:
        image = Image.open(io.BytesIO(data), formats=[kind])
        image.load()
    except MemoryError:
        raise UnreadableScan(path, "too large for the memory of this machine") from None
    except Image.UnidentifiedImageError:
        raise UnreadableScan(path, f"not a {kind} file, or its header is damaged") from None
    # Pillow reports damage as any of these, and a huge image as a warning made an error.
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, Warning) as error:
        reason = "truncated" if "truncated" in str(error).lower() else f"damaged {kind} file ({error})"
        raise UnreadableScan(path, reason) from None
    except Image.DecompressionBombError as error:
        raise UnreadableScan(path, f"too many pixels ({error})") from None
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise UnreadableScan(path, f"an animation of {frames} frames; save one frame a file")
    return image


def gray(path: Path, colors: np.ndarray, *, tolerance: int) -> np.ndarray:
    """The one gray image (H, W) that three channels (H, W, 3) hold.

    Args:
        path: for the message.
        colors: uint8.
        tolerance: gray levels that channels may differ by, for files saved with loss.

    Raises:
        UnreadableScan: the image is truly colored.
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


def check_size(path: Path, height: int, width: int) -> None:
    """Refuses a header with no pixels, or with more than any scan has."""
    if height < 1 or width < 1:
        raise UnreadableScan(path, f"holds no pixels ({height}x{width})")
    # Pillow warns above this; a slice of a scan is far below it.
    if height * width > min(PIXEL_LIMIT, Image.MAX_IMAGE_PIXELS or PIXEL_LIMIT):
        raise UnreadableScan(path, f"claims {height}x{width} pixels, more than any slice of a scan")


def one_slice(slices: np.ndarray, kind: str) -> np.ndarray:
    """The (H, W) of a scan that goes into an image file. Raises ValueError for a volume."""
    if slices.ndim != 3 or slices.shape[0] != 1:
        raise ValueError(
            f"a {kind} file holds one slice; this scan has shape {slices.shape}. Write NIfTI instead."
        )
    return slices[0]
