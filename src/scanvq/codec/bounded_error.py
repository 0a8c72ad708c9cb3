"""Pixels from predictions and residuals, none of them off by more than a largest error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.codec.errors import CodecError
from scanvq.codec.residual import LARGEST


class BoundedError:
    """Converts pixels to residuals of a prediction and back: whole numbers of steps.

    Every operation is on integers, or one operation of IEEE 754 on a number: the same on every machine.

    Args:
        max_error: in the units of the pixels; 0 = lossless, for integers.
        dtype: of the pixels.
        low: lowest pixel of the scan.
        high: highest pixel of the scan.

    Raises:
        CodecError: a negative error, or one that is too small for the pixels.
    """

    def __init__(self, max_error: float, *, dtype: str, low: float, high: float) -> None:
        self._dtype, self._low, self._high = np.dtype(dtype), low, high
        self._whole = self._dtype.kind in "iu"
        if not (math.isfinite(max_error) and max_error >= 0):
            raise CodecError(f"the largest error is {max_error:g}; it must be 0 or more")
        if not self._whole and max_error == 0:
            raise CodecError("the largest error is 0, but the pixels are real numbers; give one above 0")
        self.max_error = float(math.floor(max_error)) if self._whole else max_error
        rounding = max(abs(low), abs(high)) * 2.0**-23  # of real numbers to float32, twice the most
        self._step: Any = 2 * int(self.max_error) + 1 if self._whole else 2 * (max_error - rounding)
        if self._step <= 0 or (high - low) / self._step > LARGEST:
            raise CodecError(
                f"the largest error {max_error:g} is too small for {dtype} from {low:g} to {high:g}"
            )

    def residual(self, pixels: NDArray[Any], predicted: NDArray[Any]) -> NDArray[np.int64]:
        """The residual (H, W) of pixels (H, W)."""
        difference = self._numbers(pixels) - self._numbers(predicted)
        found: NDArray[np.int64]
        if self._whole:
            found = np.floor_divide(difference + int(self.max_error), self._step)
        else:
            found = np.rint(difference / self._step).astype(np.int64)
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
        """Pixels within the range of the scan, in which predictions of another range are of no use."""
        if self._whole:
            return np.clip(pixels.astype(np.int64), int(self._low), int(self._high))
        return np.clip(pixels.astype(np.float64), self._low, self._high)
