"""AVIF (AV1 still pictures), by Pillow and libavif."""

from __future__ import annotations

import io
from functools import partial

from PIL import Image

from scanvq.evaluation.codecs.codec import Codec, Pixels
from scanvq.evaluation.codecs.pillow_files import decode_file, missing_feature, software_of


def _encode(pixels: Pixels, quality: float) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(
        file, "AVIF", quality=round(quality), subsampling="4:0:0", speed=4, max_threads=1
    )
    return file.getvalue()


AVIF = Codec(
    label="AVIF",
    encode=_encode,
    decode=decode_file,
    qualities=(0, 8, 16, 25, 34, 44, 55, 68, 82),
    settings="gray (4:0:0), speed 4; quality 0 to 100",
    missing=partial(missing_feature, "avif"),
    software=partial(software_of, "avif"),
)
