"""The range coder: symbols come back, and its probabilities are exactly the integers that it is given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanvq.codec.errors import CodecError
from scanvq.codec.range_coder import PRECISION, Decoder, Encoder, bits_of, frequencies


def decoded_by_integers(data: bytes, models: np.ndarray) -> list[int]:
    """A range decoder with a range of 64 bits and words of 32 bits, written with Python's integers only."""
    words = np.frombuffer(data + bytes(-len(data) % 4 + 16), "<u4").tolist()
    low, span, point, at = 0, (1 << 64) - 1, words[0] << 32 | words[1], 2
    found = []
    for model in models:
        width = span >> PRECISION
        cumulative = np.concatenate([[0], np.cumsum(model.astype(int) + 1)]).tolist()
        quantile = ((point - low) % (1 << 64)) // width
        symbol = max(k for k in range(len(model)) if cumulative[k] <= quantile)
        found.append(symbol)
        low = (low + width * cumulative[symbol]) % (1 << 64)
        span = width * (cumulative[symbol + 1] - cumulative[symbol])
        while span < 1 << 32:
            low, span = low << 32 & ((1 << 64) - 1), span << 32
            point, at = (point << 32 & ((1 << 64) - 1)) | words[at], at + 1
    return found


@given(seed=st.integers(0, 2**32), count=st.integers(0, 40), size=st.integers(2, 40), spread=st.floats(0, 60))
def test_symbols_come_back_under_the_given_integers(seed: int, count: int, size: int, spread: float) -> None:
    random = np.random.default_rng(seed)
    likelihoods = np.floor(2.0**26 * np.exp(-spread * random.random((count, size))))
    likelihoods[:, 0] = 2.0**26
    models = frequencies(likelihoods)
    assert models.min(initial=0) >= 0
    assert (models.sum(1) + size == 2**PRECISION).all()
    symbols = random.integers(0, size, count)
    encoder = Encoder()
    encoder.encode(symbols[: count // 2], models[: count // 2])
    encoder.encode(symbols[count // 2 :], models[count // 2 :])
    data = encoder.finish()
    decoder = Decoder(data)
    assert np.array_equal(np.concatenate([decoder.decode(models[:3]), decoder.decode(models[3:])]), symbols)
    assert decoded_by_integers(data, models) == symbols.tolist()
    assert 8 * len(data) <= bits_of(models, symbols).sum() + 64


def test_equal_models_can_be_given_once() -> None:
    random = np.random.default_rng(0)
    model = frequencies(np.floor(2.0**26 * random.random((1, 9))))
    symbols = random.integers(0, 9, 50)
    once, each = Encoder(), Encoder()
    once.encode_same(symbols, model[0])
    each.encode(symbols, model.repeat(50, axis=0))
    data = once.finish()
    assert data == each.finish()
    assert np.array_equal(Decoder(data).decode_same(50, model[0]), symbols)


def test_the_probability_of_every_symbol_is_above_zero() -> None:
    model = frequencies(np.array([[2.0**26, 0, 0]]))
    encoder = Encoder()
    encoder.encode(np.array([2]), model)
    assert Decoder(encoder.finish()).decode(model).tolist() == [2]


def test_impossible_data_are_refused() -> None:
    model = frequencies(np.full((2000, 3), 5.0))
    with pytest.raises(CodecError, match="coded data are damaged"):
        Decoder(b"\xff" * 64).decode(model)
