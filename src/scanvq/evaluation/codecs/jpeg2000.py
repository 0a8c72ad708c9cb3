"""JPEG 2000 (ITU-T T.800), by Pillow and OpenJPEG."""

from __future__ import annotations

import io
from functools import partial

from PIL import Image

from scanvq.evaluation.codecs.codec import Codec, Pixels
from scanvq.evaluation.codecs.pillow_files import decode_file, missing_feature, software_of


def _encode(pixels: Pixels, quality: float) -> bytes:
    file = io.BytesIO()
    ratio = 8 / quality
    Image.fromarray(pixels).save(
        file, "JPEG2000", quality_mode="rates", quality_layers=[ratio], irreversible=True, no_jp2=True
    )
    return file.getvalue()


JPEG_2000 = Codec(
    label="JPEG 2000",
    encode=_encode,
    decode=decode_file,
    qualities=(0.08, 0.13, 0.2, 0.3, 0.4, 0.55, 0.8, 1.2, 1.8, 2.5),
    settings="gray, 9/7 wavelet, codestream without JP2 boxes; quality = requested bits per pixel",
    missing=partial(missing_feature, "jpg_2000"),
    software=partial(software_of, "jpg_2000"),
)
