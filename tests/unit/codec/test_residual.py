"""Residuals: they come back, in few bits where they are predictable; errors stay within their bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanvq.codec.bounded_error import BoundedError
from scanvq.codec.errors import CodecError
from scanvq.codec.range_coder import Decoder, Encoder
from scanvq.codec.residual import LARGEST, ResidualCoder
from scanvq.codec.scale_tables import HIGHEST, LOWEST, MOST, model_of, scale_of, thresholds


def coded(residuals: list[np.ndarray], gradients: list[np.ndarray]) -> bytes:
    """The stream of residuals, checked to give them back."""
    encoder = Encoder()
    coder = ResidualCoder(encoder)
    for residual, gradient in zip(residuals, gradients, strict=True):
        assert np.array_equal(coder.code(residual, gradient), residual)
    stream = encoder.finish()
    coder = ResidualCoder(Decoder(stream))
    for residual, gradient in zip(residuals, gradients, strict=True):
        assert np.array_equal(coder.code(np.zeros_like(residual), gradient), residual)
    return stream


@given(
    seed=st.integers(0, 2**32),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    size=st.sampled_from([0, 1, 5, 300, 70_000, LARGEST]),
    count=st.integers(1, 3),
)
def test_residuals_of_any_size_come_back(seed: int, shape: tuple[int, int], size: int, count: int) -> None:
    random = np.random.default_rng(seed)
    residuals = [random.integers(-size, size, shape, endpoint=True) for _ in range(count)]
    residuals[0].ravel()[0] = size * 2 if size < LARGEST else -size
    gradients = [random.integers(0, size + 1, shape) for _ in range(count)]
    coded(residuals, gradients)


@pytest.mark.parametrize("spread", [0.3, 2.0, 40.0, 3000.0])
def test_noise_takes_hardly_more_than_its_entropy(spread: float) -> None:
    noise = np.random.default_rng(0).logistic(0, spread, (128, 128))
    residual = np.rint(noise).astype(np.int64)
    values, counts = np.unique(residual, return_counts=True)
    entropy = -(counts * np.log2(counts / counts.sum())).sum()
    if spread > 100:  # too few pixels to estimate it from: that of the distribution
        entropy = residual.size * (np.log2(spread) + 2 / np.log(2))
    assert len(values) > 1
    assert 8 * len(coded([residual], [np.zeros_like(residual)])) < 1.04 * entropy + 600


def test_flat_parts_cost_nothing_and_smooth_residuals_less_than_noise() -> None:
    flat = np.zeros((128, 128), np.int64)
    assert len(coded([flat], [flat])) < 24
    rows, columns = np.mgrid[:64, :64]
    smooth = np.rint(300 * np.sin(rows / 9) * np.cos(columns / 7)).astype(np.int64)
    shuffled = np.random.default_rng(0).permutation(smooth.ravel()).reshape(64, 64)
    none = np.zeros_like(smooth)
    assert len(coded([smooth], [none])) < 0.7 * len(coded([shuffled], [none]))


def test_tables_are_logistic_distributions() -> None:
    for index in (LOWEST, 0, 5, HIGHEST):
        scale = scale_of(index) / 2.0**64
        assert scale == pytest.approx(2 ** (index / 4), rel=1e-12)
        edges = np.arange(-MOST - 0.5, MOST + 1)
        expected = np.diff(1 / (1 + np.exp(-edges / scale)))
        np.testing.assert_allclose((model_of(index)[:-2] + 1) / 2.0**24, expected, atol=1e-5)
    assert (np.diff(thresholds()) >= 0).all()


@given(
    seed=st.integers(0, 2**32),
    dtype=st.sampled_from(["uint8", "uint16", "int16", "int32", "float32"]),
    share=st.floats(0, 0.2),
)
def test_no_pixel_is_off_by_more_than_the_bound(seed: int, dtype: str, share: float) -> None:
    random = np.random.default_rng(seed)
    low, high = (-1.5, 0.25) if dtype == "float32" else (0, min(np.iinfo(dtype).max, 2**30))
    pixels, predicted = (random.uniform(low, high, (2, 9, 7))).astype(dtype)
    predicted *= 1 + (seed % 2)  # of a model with another range
    max_error = share * (high - low) if dtype != "float32" else max(share * (high - low), 1e-5)
    bound = BoundedError(max_error, dtype=dtype, low=float(pixels.min()), high=float(pixels.max()))
    residual = bound.residual(pixels, predicted)
    restored = bound.pixels(predicted, residual)
    assert restored.dtype == pixels.dtype
    errors = np.abs(restored.astype(np.float64) - pixels.astype(np.float64))
    assert errors.max() <= max_error
    assert bound.gradient(predicted).min() >= 0


def test_errors_that_cannot_be_kept_are_refused() -> None:
    real = {"dtype": "float32", "low": 0.0, "high": 1e6}
    with pytest.raises(CodecError, match="pixels are real numbers"):
        BoundedError(0, **real)  # type: ignore[arg-type]
    with pytest.raises(CodecError, match="must be 0 or more"):
        BoundedError(-1, **real)  # type: ignore[arg-type]
    with pytest.raises(CodecError, match=r"0\.05 is too small for float32 from 0 to 1e"):
        BoundedError(0.05, **real)  # type: ignore[arg-type]
    assert BoundedError(0.15, **real).max_error == 0.15  # type: ignore[arg-type]
    with pytest.raises(CodecError, match="0 is too small for int32"):
        BoundedError(0, dtype="int32", low=-(2.0**31), high=2.0**31 - 1)
    assert BoundedError(2, dtype="int32", low=-(2.0**31), high=2.0**31 - 1).max_error == 2
