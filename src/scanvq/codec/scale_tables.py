"""Integer tables of the logistic distribution at many scales, for residuals."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
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
MEAN_BITS = 12  # of the fraction of a mean absolute residual

_BITS = 64
_LIKELIHOOD_BITS = 26


def scale_of(index: int) -> int:
    """2^(index / 4) in units of 2^-64, to about 2^-60."""
    whole, part = divmod(index, STEPS)
    root = isqrt(isqrt(1 << (part + 8 * _BITS)))  # 2^(part / 4) in units of 2^-128
    return root << whole >> _BITS if whole >= 0 else root >> (_BITS - whole)


@cache
def _tails(index: int) -> list[int]:
    """The probability of v or more, for v = 1 ... MOST + 1, in units of 2^-64, of the scale `index`."""
    # 1 / (1 + exp((v - 1/2) / scale)), by powers of exp(-1 / (2 scale)).
    powers = powers_of((1 << 2 * _BITS) // (2 * scale_of(index)), _BITS, 2 * MOST + 2)
    return [(power << _BITS) // (powers[0] + power) for power in powers[1::2]]


@cache
def model_of(index: int) -> Exact:
    """The model of the coder (2 MOST + 3,) for the scale `index`, from LOWEST to HIGHEST.

    Symbol MOST + v is the number v from -MOST to MOST; the last two symbols are all smaller, and all larger.
    """
    tails = _tails(index)
    side = [here - beyond for here, beyond in pairwise(tails)]  # of v = 1 ... MOST
    middle = (1 << _BITS) - 2 * tails[0]
    values = [*side[::-1], middle, *side, tails[MOST], tails[MOST]]
    table = np.array([[value >> (_BITS - _LIKELIHOOD_BITS) for value in values]], np.float64)
    found: Exact = frequencies(table)[0]
    found.flags.writeable = False
    return found


@cache
def thresholds() -> NDArray[np.int64]:
    """Mean absolute residuals, in units of 2^-MEAN_BITS, from which on the scales after LOWEST are used."""
    means = [2 * sum(_tails(index)) for index in range(LOWEST, HIGHEST + 1)]
    # Of large scales it is 2 ln 2 times the scale.
    means += [scale_of(index) * 5678 >> 12 for index in range(HIGHEST + 1, 32 * STEPS)]
    middles = [(lower + upper) >> (_BITS - MEAN_BITS + 1) for lower, upper in pairwise(means)]
    return np.array(middles, np.int64)
