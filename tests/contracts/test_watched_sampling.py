"""The contract of every prior that samples in steps: a watcher sees the codes grow, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from scanvq.types import UNKNOWN, CodePrior, SamplingParams
from tests.contracts import test_masked_priors, test_priors

MAKERS: dict[str, Callable[..., CodePrior]] = {**test_priors.MAKERS, **test_masked_priors.MAKERS}
SHAPE = (2, test_priors.HEIGHT, test_priors.WIDTH)


def sampled(prior: CodePrior, watch: Callable[[torch.Tensor], None] | None = None) -> torch.Tensor:
    known = torch.full(SHAPE, UNKNOWN)
    generator = torch.Generator().manual_seed(0)
    return prior.sample(known, params=SamplingParams(), generator=generator, watch=watch)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_watcher_sees_codes_grow_and_changes_nothing(name: str) -> None:
    torch.manual_seed(0)
    prior, seen = MAKERS[name]().eval(), list[torch.Tensor]()
    end = sampled(prior)
    assert torch.equal(sampled(prior, seen.append), end)
    counts = [int((codes != UNKNOWN).sum()) for codes in seen]
    assert len(counts) > 2
    assert counts == sorted(set(counts))
    assert all(torch.equal(codes[codes != UNKNOWN], end[codes != UNKNOWN]) for codes in seen)
