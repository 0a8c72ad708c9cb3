"""WebP, lossy, by Pillow and libwebp."""

from __future__ import annotations

import io
from functools import partial

from PIL import Image

from scanvq.evaluation.codecs.codec import Codec, Pixels
from scanvq.evaluation.codecs.pillow_files import decode_file, missing_feature, software_of


def _encode(pixels: Pixels, quality: float) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(file, "WEBP", quality=round(quality), method=6)
    return file.getvalue()


WEBP = Codec(
    label="WebP",
    encode=_encode,
    decode=decode_file,
    qualities=(0, 5, 12, 20, 30, 42, 55, 70, 82, 92),
    settings="lossy, three equal colors (it has no gray), method 6; quality 0 to 100",
    missing=partial(missing_feature, "webp"),
    software=partial(software_of, "webp"),
)
