"""JPEG (ITU-T T.81), by Pillow."""

from __future__ import annotations

import io
from functools import partial

from PIL import Image

from scanvq.evaluation.codecs.codec import Codec, Pixels
from scanvq.evaluation.codecs.pillow_files import decode_file, missing_feature, software_of


def _encode(pixels: Pixels, quality: float) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=round(quality), optimize=True)
    return file.getvalue()


JPEG = Codec(
    label="JPEG",
    encode=_encode,
    decode=decode_file,
    qualities=(1, 5, 10, 15, 20, 30, 45, 60, 75, 90),
    settings="gray, baseline, optimized Huffman tables; quality 1 to 100",
    missing=partial(missing_feature, "jpg"),
    software=partial(software_of, "jpg"),
)
