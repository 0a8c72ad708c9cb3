"""Pixels from predictions and residuals, none of them off by more than a largest error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.codec.errors import CodecError
from scanvq.codec.residual import LARGEST

_MARGIN = 1 - 2.0**-10  # of the step of real numbers, for the rounding to float32


class BoundedError:
    """Converts pixels to residuals of a prediction and back: whole numbers of steps.

    Every operation is on integers, or one operation of IEEE 754 on a number: the same on every machine.

    Args:
        max_error: in the units of the pixels; 0 = lossless, for integers.
        dtype: of the pixels.
        low: lowest pixel of the scan.
        high: highest pixel of the scan.

    Raises:
        CodecError: a negative error, or 0 for real numbers.
    """

    def __init__(self, max_error: float, *, dtype: str, low: float, high: float) -> None:
        self._dtype, self._low, self._high = np.dtype(dtype), low, high
        self._whole = self._dtype.kind in "iu"
        if not (math.isfinite(max_error) and max_error >= 0):
            raise CodecError(f"the largest error is {max_error:g}; it must be 0 or more")
        if not self._whole and max_error == 0:
            raise CodecError("the largest error is 0, but the pixels are real numbers; give one above 0")
        self.max_error = float(math.floor(max_error)) if self._whole else max_error
        self._step: Any = 2 * int(self.max_error) + 1 if self._whole else 2 * max_error * _MARGIN

    def residual(self, pixels: NDArray[Any], predicted: NDArray[Any]) -> NDArray[np.int64]:
        """The residual (H, W) of pixels (H, W).

        Raises:
            CodecError: an error that is too small for real numbers of this size.
        """
        difference = self._numbers(pixels) - self._numbers(predicted)
        if self._whole:
            found: NDArray[np.int64] = np.floor_divide(difference + int(self.max_error), self._step)
            return found
        steps = np.rint(difference / self._step)
        found = np.clip(steps, -LARGEST, LARGEST).astype(np.int64)
        restored = self.pixels(predicted, found).astype(np.float64)
        if np.abs(restored - self._numbers(pixels)).max() > self.max_error:
            raise CodecError(
                f"the largest error {self.max_error:g} is too small for 32-bit real numbers from "
                f"{self._low:g} to {self._high:g}"
            )
        return found

    def pixels(self, predicted: NDArray[Any], residual: NDArray[np.int64]) -> NDArray[Any]:
        """The pixels (H, W) of a prediction and a residual."""
        values = self._numbers(predicted) + residual * self._step
        return np.clip(values, self._low, self._high).astype(self._dtype)

    def gradient(self, predicted: NDArray[Any]) -> NDArray[np.int64]:
        """The gradient of a prediction (H, W): the absolute differences across each pixel, in steps."""
        padded = np.pad(self._numbers(predicted), 1, mode="edge")
        down = np.abs(padded[2:, 1:-1] - padded[:-2, 1:-1])
        across = np.abs(padded[1:-1, 2:] - padded[1:-1, :-2])
        steps = np.floor_divide(down + across, self._step)
        return np.minimum(steps, LARGEST).astype(np.int64)

    def _numbers(self, pixels: NDArray[Any]) -> NDArray[Any]:
        return pixels.astype(np.int64 if self._whole else np.float64)
