"""What every image codec is: pixels to the bytes of a file and back, at several qualities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Codec:
    """A codec for gray images of 8 bits.

    Attributes:
        label: its name for readers.
        encode: pixels (H, W) uint8 and a quality to all bytes of a file.
        decode: these bytes to pixels (H, W) uint8.
        qualities: at least eight, from few to many bits.
        settings: everything but the quality, and what the quality means, for readers.
        missing: what must be installed before it can be used; "" if it can be used.
        software: name and version of what encodes.
    """

    label: str
    encode: Callable[[Pixels, float], bytes]
    decode: Callable[[bytes], Pixels]
    qualities: tuple[float, ...]
    settings: str
    missing: Callable[[], str]
    software: Callable[[], str]
