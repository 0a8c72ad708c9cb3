"""Finite scalar quantization: numbers of codes, and use of all of them."""

from __future__ import annotations

import pytest
import torch

from scanvq.quantizers.finite_scalar import FiniteScalarQuantizer


def test_codes_are_mixed_radix_numbers_of_the_values() -> None:
    quantizer = FiniteScalarQuantizer(values=(3, 4))
    given = torch.tensor([[-9.0, -9.0], [-9.0, 9.0], [0.0, -9.0], [9.0, 9.0]])
    result = quantizer(given.T[None, :, None])  # (1, 2, 1, 4)
    assert result.codes[0].flatten().tolist() == [0, 3, 4, 11]
    assert result.vectors[0, :, 0].T.tolist() == [[-1, -1], [-1, 1], [0, -1], [1, 1]]


def test_normal_features_use_every_code_about_equally() -> None:
    quantizer = FiniteScalarQuantizer(values=(5, 5, 5))
    features = torch.randn(1, 3, 200, 200, generator=torch.Generator().manual_seed(0))
    counts = torch.bincount(quantizer(features).codes[0].flatten(), minlength=125)
    shares = counts / counts.sum() * 125
    assert shares.min() > 0.1
    assert shares.max() < 3


def test_low_precision_gives_the_codes_of_the_same_numbers_in_float32() -> None:
    quantizer = FiniteScalarQuantizer()
    features = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    low, exact = quantizer(features), quantizer(features.float())
    assert low.vectors.dtype == torch.bfloat16
    assert torch.equal(low.codes[0], exact.codes[0])


def test_the_gradient_is_that_of_the_bound() -> None:
    features = torch.tensor([[0.0, 4.0]])[..., None, None].requires_grad_()
    FiniteScalarQuantizer(values=(5, 5))(features).vectors.sum().backward()
    assert features.grad is not None
    assert features.grad.flatten().tolist() == pytest.approx([0.8, 0.0053], abs=1e-3)


@pytest.mark.parametrize("values", [(), (8, 1), (2048, 1024)])
def test_impossible_values_are_refused(values: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="values"):
        FiniteScalarQuantizer(values=values)
    assert FiniteScalarQuantizer(values=(2,)).codebook_sizes == (2,)
