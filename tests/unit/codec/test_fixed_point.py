"""Exact arithmetic: tables equal the functions, sums fit, and weights that do not fit are refused."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.special import expit

from scanvq.codec.errors import CodecError
from scanvq.codec.fixed_point import LIMIT, SUM_BITS, biases, integers, product, rescaled, terms, weights
from scanvq.codec.tables import elu, exponentials, gate, likelihoods


def test_exponentials_are_correct_to_far_more_than_a_float() -> None:
    powers = exponentials(10, 2000)
    assert powers[0] == 1 << 128
    for k in (1, 7, 1024, 1999):
        found = float(Fraction(powers[k], 1 << 128))
        assert found == pytest.approx(math.exp(-k / 1024), rel=1e-15)
    product_of_both = powers[700] * powers[1299] >> 128
    assert abs(product_of_both - powers[1999]) < 2**14  # exp(a) exp(b) = exp(a + b), to 2^-114


def test_the_gate_is_tanh_times_sigmoid() -> None:
    values, gates = np.meshgrid(np.linspace(-20, 20, 101), np.linspace(-20, 20, 101))
    sums = np.rint(np.stack([values.ravel(), gates.ravel()], axis=1) * 2.0**SUM_BITS)
    expected = np.tanh(values.ravel()) * expit(gates.ravel())
    np.testing.assert_allclose(gate(sums)[:, 0] / 2**13, expected, atol=5e-4)


def test_elu_is_elu() -> None:
    values = np.arange(-12.0, 3.0, 0.01)
    expected = torch.nn.functional.elu(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(elu(np.rint(values * 2**13)) / 2**13, expected, atol=2e-4)


def test_likelihoods_are_those_of_a_softmax() -> None:
    logits = np.random.default_rng(0).normal(0, 4, (5, 30))
    found = likelihoods(np.rint(logits * 2.0**SUM_BITS))
    expected = torch.from_numpy(logits).softmax(-1).numpy()
    np.testing.assert_allclose(found / found.sum(1, keepdims=True), expected, rtol=2e-3, atol=1e-7)


def test_products_are_the_same_in_any_order() -> None:
    random = np.random.default_rng(0)
    features = np.rint(random.uniform(-LIMIT, LIMIT, (3, 4, 500)))
    matrix = weights(torch.from_numpy(random.normal(0, 1, (500, 20))))
    order = random.permutation(500)
    assert np.array_equal(product(features, matrix), product(features[..., order], matrix[order]))
    exact = [sum(int(a) * int(b) for a, b in zip(features[0, 0], matrix[:, 0], strict=True))]
    assert [int(product(features, matrix)[0, 0, 0])] == exact


def test_rescaling_rounds_halves_to_even_and_clips() -> None:
    sums = np.array([0.5, 1.5, -0.5, 2.0**40]) * 2.0**14
    assert rescaled(sums).tolist() == [0, 2, 0, LIMIT]


def test_weights_whose_sums_would_round_are_refused() -> None:
    assert weights(torch.full((64, 3), 60.0)).max() == 60 * 2**14
    with pytest.raises(CodecError, match="too large for exact arithmetic"):
        weights(torch.full((64, 3), 70.0))
    with pytest.raises(CodecError, match="too large for exact arithmetic"):
        biases(torch.tensor([2.0**18]))
    assert len(terms([np.full((3, 2), 2.0**50)] * 2)) == 2
    with pytest.raises(CodecError, match="too large for exact arithmetic"):
        terms([np.full((3, 2), 2.0**50)] * 3)
    with pytest.raises(CodecError, match="not finite"):
        integers(torch.tensor([math.nan]), 3)
