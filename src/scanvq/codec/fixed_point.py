"""Fixed-point arithmetic without rounding: integers in float64, whose sums are the same in any order.

An activation is a whole number of 2^-13, a weight of 2^-14, a sum of products of 2^-27. Every partial sum
stays below 2^52, so float64 holds it exactly: the result depends neither on the machine nor on its number of
threads.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from scanvq.codec.errors import CodecError

Exact = NDArray[np.float64]
"""Whole numbers in float64."""

ACTIVATION_BITS = 13
WEIGHT_BITS = 14
SUM_BITS = ACTIVATION_BITS + WEIGHT_BITS
LIMIT = 2.0**22
"""Activations are clipped to this: +-512."""
_LARGEST_PRODUCT = 2.0**48  # of activations and weights; a layer adds at most four
_LARGEST_TERM = 2.0**44  # of biases; a layer adds at most a hundred
_LARGEST_TERMS = 2.0**51  # of looked up terms together


def integers(values: Tensor, bits: int) -> Exact:
    """Values rounded to whole numbers of 2^-bits.

    Raises:
        CodecError: values that are not finite.
    """
    found = values.detach().cpu().double().numpy()
    if not np.isfinite(found).all():
        raise CodecError("the model has weights that are not finite numbers; train it again")
    return np.rint(found * 2.0**bits)


def biases(values: Tensor) -> Exact:
    """Values as summands of sums.

    Raises:
        CodecError: values that are too large for sums without rounding.
    """
    return _checked(integers(values, SUM_BITS), _LARGEST_TERM)


def weights(values: Tensor) -> Exact:
    """A matrix of weights (inputs, outputs) for activations of any allowed size.

    Raises:
        CodecError: weights that are too large for sums without rounding.
    """
    return _checked(integers(values, WEIGHT_BITS), _LARGEST_PRODUCT / LIMIT)


def activations(values: Tensor) -> Exact:
    """Values as activations, clipped."""
    return clipped(integers(values, ACTIVATION_BITS), LIMIT)


def rescaled(sums: Exact) -> Exact:
    """Sums to activations: rounded to the nearest, halves to even, and clipped."""
    return clipped(np.rint(sums * 2.0**-WEIGHT_BITS), LIMIT)


def product(features: Exact, matrix: Exact) -> Exact:
    """Activations (..., inputs) times weights (inputs, outputs): sums (..., outputs), in one product."""
    inputs, outputs = matrix.shape
    return (features.reshape(-1, inputs) @ matrix).reshape(*features.shape[:-1], outputs)


def added(first: Exact, second: Exact) -> Exact:
    """The clipped sum of two activations."""
    return clipped(first + second, LIMIT)


def clipped(values: Exact, limit: float) -> Exact:
    """Values between -limit and limit; faster than `numpy.clip` for the few values of a cell."""
    found: Exact = np.minimum(np.maximum(values, -limit), limit)
    return found


def terms(tables: Sequence[Exact]) -> list[Exact]:
    """Tables of sums, of which one row each is added.

    Raises:
        CodecError: tables that are too large for sums without rounding.
    """
    _checked(np.array([np.abs(table).max(initial=0) for table in tables])[:, None], _LARGEST_TERMS)
    return list(tables)


def _checked(found: Exact, largest: float) -> Exact:
    """Numbers, of which each (n,), or the absolute sum of each column (n, outputs), is at most `largest`."""
    sums = np.abs(found).sum(axis=0) if found.ndim > 1 else np.abs(found)
    if found.size and float(sums.max()) > largest:
        raise CodecError("the model has weights that are too large for exact arithmetic; it cannot compress")
    return found
