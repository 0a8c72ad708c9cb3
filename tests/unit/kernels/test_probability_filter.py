"""Top-k and top-p by NumPy keep exactly the codes that the reference keeps."""

from __future__ import annotations

import pytest
import torch

from scanvq.kernels.probability_filter import filter_probabilities, reference_filter_probabilities
from scanvq.types import SamplingParams


@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(top_k=1),
        SamplingParams(top_k=3),
        SamplingParams(top_p=0.5),
        SamplingParams(top_p=0.95),
        SamplingParams(top_k=40, top_p=0.9),
    ],
)
@pytest.mark.parametrize("codes", [1, 2, 5, 64, 512])
def test_keeps_what_the_reference_keeps(codes: int, params: SamplingParams) -> None:
    torch.manual_seed(codes)
    logits = torch.randn(40, codes, dtype=torch.float64) * 3
    logits[10:30] = logits[10:30].round()  # ties
    logits[30:] = 0
    probabilities = torch.softmax(logits, dim=1)
    expected = reference_filter_probabilities(probabilities, params)
    filtered = filter_probabilities(probabilities, params)
    assert filtered.dtype == torch.float64
    assert torch.equal(filtered > 0, expected > 0)
    filtered, expected = (one / one.sum(dim=1, keepdim=True) for one in (filtered, expected))
    torch.testing.assert_close(filtered, expected, rtol=1e-13, atol=0)


def test_no_rows_give_nothing() -> None:
    probabilities = torch.zeros(0, 4, dtype=torch.float64)
    assert filter_probabilities(probabilities, SamplingParams(top_p=0.5)).shape == (0, 4)
