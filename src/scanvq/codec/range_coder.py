"""A range coder of symbols with integer probabilities (constriction's, with its rounding made exact)."""

from __future__ import annotations

from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from scanvq.codec.errors import CodecError
from scanvq.codec.fixed_point import Exact

PRECISION = 24
"""Probabilities are whole numbers of 2^-24, each at least 1."""
MOST_SYMBOLS = 2**16

# The library adds 2^-24 to every probability and scales the rest to fill the whole. Weights that are whole
# numbers with the sum 2^24 - K need no scaling, so its floating-point numbers are whole numbers, too.
_MODEL = constriction.stream.model.Categorical(perfect=False)


def frequencies(likelihoods: Exact) -> Exact:
    """Whole numbers (n, K), at least 0, of sum 2^24 - K in proportion to likelihoods: the model of the coder.

    Args:
        likelihoods: (n, K) whole numbers from 0 to 2^26, not all 0, K from 2 to 2^16.
    """
    rest = 2.0**PRECISION - likelihoods.shape[-1]
    # Products are below 2^50, so only the quotient is rounded, as IEEE 754 prescribes.
    found = np.floor(likelihoods * rest / likelihoods.sum(axis=-1, keepdims=True))
    largest = found.argmax(axis=-1)
    found[np.arange(len(found)), largest] += rest - found.sum(axis=-1)
    return found


def bits_of(model: Exact, symbols: NDArray[np.int64]) -> Exact:
    """The ideal code length of symbols (n,) under `frequencies` (n, K), in bits."""
    chosen = model[np.arange(len(symbols)), symbols] + 1
    bits: Exact = PRECISION - np.log2(chosen)
    return bits


class Encoder:
    """Symbols to bytes."""

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()

    def encode(self, symbols: NDArray[np.int64], model: Exact) -> None:
        """Appends symbols (n,) under `frequencies` (n, K)."""
        if len(symbols):
            self._coder.encode(symbols.astype(np.int32), _MODEL, model)

    def encode_same(self, symbols: NDArray[np.int64], model: Exact) -> None:
        """Appends symbols (n,), all under one row of `frequencies` (K,)."""
        if len(symbols):
            self._coder.encode(symbols.astype(np.int32), _model_of(model))

    def finish(self) -> bytes:
        """All symbols as bytes; zeros at the end are left out."""
        return bytes(self._coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0"))


class Decoder:
    """Bytes of an `Encoder` to symbols."""

    def __init__(self, data: bytes) -> None:
        padded = data + bytes(-len(data) % 4 + 8)
        words = np.frombuffer(padded, "<u4").astype(np.uint32)
        self._coder = constriction.stream.queue.RangeDecoder(words)

    def decode(self, model: Exact) -> NDArray[np.int64]:
        """The next symbols (n,), each under its row of `frequencies` (n, K).

        Raises:
            CodecError: bytes that no encoder with these probabilities wrote.
        """
        return self._decoded(_MODEL, model) if len(model) else np.zeros(0, np.int64)

    def decode_same(self, count: int, model: Exact) -> NDArray[np.int64]:
        """The next symbols (count,), all under one row of `frequencies` (K,). Raises CodecError."""
        return self._decoded(_model_of(model), count) if count else np.zeros(0, np.int64)

    def _decoded(self, *arguments: Any) -> NDArray[np.int64]:
        try:
            found = self._coder.decode(*arguments)
        except (AssertionError, ValueError) as error:
            raise CodecError(f"the coded data are damaged ({error})") from None
        symbols: NDArray[np.int64] = found.astype(np.int64)
        return symbols


def _model_of(model: Exact) -> Any:
    return constriction.stream.model.Categorical(model, perfect=False)
