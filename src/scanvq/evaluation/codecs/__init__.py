"""Image codecs that a tokenizer is compared with; a new one is one file and one line here."""

from __future__ import annotations

from scanvq.evaluation.codecs.avif import AVIF
from scanvq.evaluation.codecs.codec import Codec
from scanvq.evaluation.codecs.jpeg import JPEG
from scanvq.evaluation.codecs.jpeg2000 import JPEG_2000
from scanvq.evaluation.codecs.jpeg_xl import JPEG_XL
from scanvq.evaluation.codecs.webp import WEBP

CODECS: dict[str, Codec] = {
    "jpeg": JPEG,
    "jpeg_2000": JPEG_2000,
    "webp": WEBP,
    "avif": AVIF,
    "jpeg_xl": JPEG_XL,
}

__all__ = ["CODECS", "Codec"]
