"""Integer tables of the logistic distribution at many scales, for residuals."""

from __future__ import annotations

from functools import cache
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from scanvq.codec.fixed_point import Exact
from scanvq.codec.range_coder import frequencies
from scanvq.codec.tables import powers_of

STEPS = 4  # scales from one to the next power of 2
LOWEST = -4 * STEPS  # the index of the smallest scale, 1/16
HIGHEST = 3 * STEPS - 1  # of the largest with a table; larger scales have low bits without a model
MOST = 40  # the largest number with a symbol of its own; beyond, two symbols begin an escape
SYMBOLS = 2 * MOST + 3

_BITS = 64
_LIKELIHOOD_BITS = 26


def scale_of(index: int) -> int:
    """2^(index / 4) in units of 2^-64, to about 2^-60."""
    whole, part = divmod(index, STEPS)
    root = isqrt(isqrt(1 << (part + 8 * _BITS)))  # 2^(part / 4) in units of 2^-128
    return root << whole >> _BITS if whole >= 0 else root >> (_BITS - whole)


@cache
def model_of(index: int) -> Exact:
    """The model of the coder (SYMBOLS,) for the scale `index`, from LOWEST to HIGHEST.

    Symbol MOST + v is the number v from -MOST to MOST; the last two symbols are all smaller, and all larger.
    """
    scale = scale_of(index)
    # Of |v| - 1/2 and below: 1 / (1 + exp((|v| - 1/2) / scale)), with exp(-1 / (2 scale)) as a ratio.
    powers = powers_of((1 << 2 * _BITS) // (2 * scale), _BITS, 2 * MOST + 2)
    one = powers[0]
    tails = [(powers[2 * v - 1] << _BITS) // (one + powers[2 * v - 1]) for v in range(1, MOST + 2)]
    half = [tails[v - 1] - tails[v] for v in range(1, MOST + 1)]  # of v = 1 ... MOST
    middle = (1 << _BITS) - 2 * tails[0]
    values = [*half[::-1], middle, *half, tails[MOST], tails[MOST]]
    table = np.array([[value >> (_BITS - _LIKELIHOOD_BITS) for value in values]], np.float64)
    found = frequencies(table)[0]
    found.flags.writeable = False
    return found


@cache
def thresholds() -> NDArray[np.int64]:
    """Mean absolute residuals, in units of 2^-8, from which on the scales after LOWEST are used."""
    # The mean of |v| of a logistic distribution is 2 ln 2 = 1.386 times its scale: 355 / 256.
    indices = range(LOWEST + 1, 32 * STEPS)
    return np.array([scale_of(index) * 355 >> _BITS for index in indices], np.int64)
