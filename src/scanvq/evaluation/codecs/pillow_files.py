"""What the codecs of Pillow share: bytes to pixels, and whether Pillow was built with them."""

from __future__ import annotations

import io

import numpy as np

from scanvq.evaluation.codecs.codec import Pixels


def decode_file(data: bytes) -> Pixels:
    """Pixels (H, W) of a file of any kind; of one with colors, its luminance."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        pixels: Pixels = np.array(image.convert("L"))
        return pixels


def missing_feature(feature: str) -> str:
    """What to install for a feature of Pillow; "" if it is there."""
    import PIL
    from PIL import features

    if feature in features.get_supported():
        return ""
    return f"Pillow {PIL.__version__} was built without {feature}: pip install --upgrade pillow"


def software_of(feature: str) -> str:
    """Name and version of Pillow and of its library."""
    import PIL
    from PIL import features

    return f"Pillow {PIL.__version__}, {feature} {features.version(feature) or 'of unknown version'}"
