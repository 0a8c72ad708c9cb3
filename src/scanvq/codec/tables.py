"""Nonlinear functions as integer tables, computed with integers only and so the same on every machine."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from scanvq.codec.fixed_point import ACTIVATION_BITS, SUM_BITS, Exact, clipped

_STEP_BITS = 11  # tables of tanh and sigmoid have a value for each 2^-11
_RANGE = 16  # ... from -16 to 16; beyond, both are constant to 2^-13
_ELU_RANGE = 10  # from -10 to 0; below, ELU is -1 to 2^-13
_SOFTMAX_STEP_BITS = 10
_SOFTMAX_RANGE = 18  # in nats: 2^26 exp(-18) is 1
_SOFTMAX_BITS = 26
_PRECISION = 128  # bits of the integers that exponentials are computed with


def exponentials(step_bits: int, count: int) -> list[int]:
    """exp(-k / 2^step_bits) for k = 0 ... count - 1, in units of 2^-128, to about 2^-110."""
    return powers_of(1 << (_PRECISION - step_bits), _PRECISION, count)


def powers_of(exponent: int, bits: int, count: int) -> list[int]:
    """exp(-k exponent / 2^bits) for k = 0 ... count - 1, in units of 2^-128; the exponent is at most 16."""
    exponent = exponent << _PRECISION >> bits
    one = 1 << _PRECISION
    ratio, term, order = 0, one, 0
    while term:  # the Taylor series of exp
        ratio += term if order % 2 == 0 else -term
        order += 1
        term = (term * exponent >> _PRECISION) // order
    found = [one]
    for _ in range(count - 1):
        found.append((found[-1] * ratio) >> _PRECISION)
    return found


def _ratio(numerator: int, denominator: int, bits: int) -> int:
    """numerator / denominator in units of 2^-bits, rounded to the nearest."""
    return ((numerator << (bits + 1)) // denominator + 1) >> 1


@cache
def _gate_tables() -> tuple[Exact, Exact]:
    """tanh and sigmoid at k / 2^11 for k from -16 * 2^11 on, as activations."""
    one, half = 1 << _PRECISION, _RANGE << _STEP_BITS
    powers = exponentials(_STEP_BITS, 2 * half + 1)  # exp(-x)
    tanh = [_ratio(one - powers[2 * k], one + powers[2 * k], ACTIVATION_BITS) for k in range(half + 1)]
    sigmoid = [_ratio(one, one + powers[k], ACTIVATION_BITS) for k in range(half + 1)]
    whole = 1 << ACTIVATION_BITS
    return (
        _table([-value for value in tanh[:0:-1]] + tanh),
        _table([whole - value for value in sigmoid[:0:-1]] + sigmoid),
    )


def gate(sums: Exact) -> Exact:
    """tanh(values) * sigmoid(gates): sums (..., 2C) to activations (..., C)."""
    tanh, sigmoid = _gate_tables()
    half = _RANGE << _STEP_BITS
    at = clipped(np.rint(sums * 2.0 ** (_STEP_BITS - SUM_BITS)), half).astype(np.int64) + half
    channels = sums.shape[-1] // 2
    product = tanh.take(at[..., :channels]) * sigmoid.take(at[..., channels:])
    return np.rint(product * 2.0**-ACTIVATION_BITS)


@cache
def _elu_table() -> Exact:
    """exp(-k / 2^13) - 1 as activations."""
    count = (_ELU_RANGE << ACTIVATION_BITS) + 1
    one = 1 << _PRECISION
    powers = exponentials(ACTIVATION_BITS, count)
    return _table([-_ratio(one - power, one, ACTIVATION_BITS) for power in powers])


def elu(values: Exact) -> Exact:
    """ELU of activations."""
    below = np.minimum(np.maximum(-values, 0), _ELU_RANGE << ACTIVATION_BITS).astype(np.int64)
    return np.maximum(values, 0) + _elu_table().take(below)


@cache
def _softmax_table() -> Exact:
    """exp(-k / 2^10) in units of 2^-26, and 0 at the end."""
    count = _SOFTMAX_RANGE << _SOFTMAX_STEP_BITS
    powers = exponentials(_SOFTMAX_STEP_BITS, count)
    return _table([_ratio(power, 1 << _PRECISION, _SOFTMAX_BITS) for power in powers] + [0])


def likelihoods(logits: Exact) -> Exact:
    """Sums (n, K), the logits, to whole numbers (n, K) in proportion to their exponentials, at most 2^26."""
    table = _softmax_table()
    below = (logits.max(axis=-1, keepdims=True) - logits) * 2.0 ** (_SOFTMAX_STEP_BITS - SUM_BITS)
    return table.take(np.minimum(np.rint(below), len(table) - 1).astype(np.int64))


def _table(values: list[int]) -> NDArray[np.float64]:
    table = np.array(values, np.float64)
    table.flags.writeable = False
    return table
