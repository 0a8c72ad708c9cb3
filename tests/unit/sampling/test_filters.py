from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from scanvq.sampling.filters import choose
from scanvq.types import SamplingParams

LOGITS = torch.tensor([[0.1, 2.0, -1.0, 1.5, 0.3]])


def chosen(params: SamplingParams, *, count: int = 2000) -> set[int]:
    uniform = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return set(choose(LOGITS.expand(count, -1), params, uniform).tolist())


def brute_force(logits: np.ndarray, params: SamplingParams) -> np.ndarray:
    """The filtered distribution, written out."""
    p = np.exp(logits / params.temperature)
    p /= p.sum()
    order = sorted(range(len(p)), key=lambda code: (-p[code], code))
    if params.top_k:
        order = order[: params.top_k]
    mass = sum(p[code] for code in order)
    kept, total = [], 0.0
    for code in order:
        if total >= params.top_p:
            break
        kept.append(code)
        total += p[code] / mass
    filtered = np.zeros_like(p)
    filtered[kept] = p[kept]
    return filtered / filtered.sum()


@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(),
        SamplingParams(temperature=0.5),
        SamplingParams(temperature=3.0),
        SamplingParams(top_k=3),
        SamplingParams(top_k=99),
        SamplingParams(top_p=0.7),
        SamplingParams(temperature=0.8, top_k=4, top_p=0.85),
    ],
)
def test_shares_are_those_of_the_filtered_distribution(params: SamplingParams) -> None:
    count = 20_000
    uniform = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    codes = choose(LOGITS.expand(count, -1), params, uniform)
    shares = codes.bincount(minlength=5).numpy() / count
    np.testing.assert_allclose(shares, brute_force(LOGITS[0].double().numpy(), params), atol=2e-4)


def test_temperature_zero_takes_the_most_likely() -> None:
    assert chosen(SamplingParams(temperature=0)) == {1}


def test_top_one_and_a_tiny_top_p_take_the_most_likely() -> None:
    assert chosen(SamplingParams(top_k=1)) == {1}
    assert chosen(SamplingParams(top_p=1e-9)) == {1}


def test_of_equally_likely_codes_the_lower_is_kept() -> None:
    codes = choose(
        torch.zeros(100, 4), SamplingParams(top_k=2), torch.linspace(0, 0.999, 100, dtype=torch.float64)
    )
    assert set(codes.tolist()) == {0, 1}


def test_the_ends_of_the_interval_give_possible_codes() -> None:
    logits = torch.tensor([[-torch.inf, 0.0, 1.0, -torch.inf]]).expand(2, -1)
    ends = torch.tensor([0.0, 1 - 2.0**-53], dtype=torch.float64)
    assert choose(logits, SamplingParams(), ends).tolist() == [1, 2]


def test_large_logits_and_bfloat16_are_fine() -> None:
    logits = torch.tensor([[1e4, -1e4, 9.9e3]], dtype=torch.bfloat16)
    assert choose(logits, SamplingParams(temperature=0.01), torch.tensor([0.5])).tolist() == [0]


def test_rows_are_independent() -> None:
    logits = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    uniform = torch.rand(8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    params = SamplingParams(temperature=0.9, top_k=9, top_p=0.9)
    alone = torch.cat([choose(logits[row : row + 1], params, uniform[row : row + 1]) for row in range(8)])
    assert torch.equal(choose(logits, params, uniform), alone)


def test_an_empty_batch_gives_no_codes() -> None:
    assert choose(torch.zeros(0, 4), SamplingParams(top_p=0.5), torch.zeros(0)).shape == (0,)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"temperature": -1.0}, r"temperature is -1\.0; it must be 0 or more"),
        ({"top_k": -1}, r"top_k is -1; it must be 0 \(off\) or more"),
        ({"top_p": 0.0}, r"top_p is 0\.0; it must be in"),
        ({"guidance": -0.5}, r"guidance is -0\.5; it must be 0 or more"),
        ({"guidance": float("nan")}, r"guidance is nan"),
        ({"guidance": float("inf")}, r"guidance is inf"),
    ],
)
def test_invalid_sampling_parameters_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SamplingParams(**wrong)
