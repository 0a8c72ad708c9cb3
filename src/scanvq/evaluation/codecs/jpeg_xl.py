"""JPEG XL (ISO/IEC 18181), by imagecodecs and libjxl."""

from __future__ import annotations

import numpy as np

from scanvq.evaluation.codecs.codec import Codec, Pixels


def _encode(pixels: Pixels, quality: float) -> bytes:
    import imagecodecs

    return bytes(
        imagecodecs.jpegxl_encode(
            pixels, distance=quality, effort=7, lossless=False, usecontainer=False, numthreads=1
        )
    )


def _decode(data: bytes) -> Pixels:
    import imagecodecs

    pixels: Pixels = np.squeeze(imagecodecs.jpegxl_decode(data, numthreads=1))
    return pixels


def _missing() -> str:
    try:
        import imagecodecs
    except ImportError:
        return "imagecodecs is not installed: pip install 'scanvq[codecs]'"
    if not imagecodecs.JPEGXL.available:
        return f"imagecodecs {imagecodecs.__version__} was built without JPEG XL"
    return ""


def _software() -> str:
    import imagecodecs

    return f"imagecodecs {imagecodecs.__version__}, {imagecodecs.jpegxl_version()}"


JPEG_XL = Codec(
    label="JPEG XL",
    encode=_encode,
    decode=_decode,
    qualities=(25, 20, 15, 12, 9, 7, 5.5, 4, 2.5, 1.2),
    settings="gray, VarDCT, effort 7, codestream without container; quality = Butteraugli distance",
    missing=_missing,
    software=_software,
)
