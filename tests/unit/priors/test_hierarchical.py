from __future__ import annotations

import math

import pytest
import torch

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.sampling.uniforms import level_generators
from scanvq.types import UNKNOWN, CodePrior, SamplingParams

LABELS = ConditionSpace.of_labels(("AD", "NC"))


def two_levels() -> HierarchicalPrior:
    torch.manual_seed(0)
    top = GatedPixelCNN(channels=8, embedding_dim=4, dilations=(1,), codebook_size=3, conditions=LABELS)
    bottom = GatedPixelCNN(
        channels=8, embedding_dim=4, dilations=(1, 2), codebook_size=5, conditions=LABELS, context_sizes=(3,)
    )
    return HierarchicalPrior(levels=[top, bottom]).eval()


def unknown(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.full((batch, 2, 3), UNKNOWN), torch.full((batch, 4, 6), UNKNOWN)


class Constant(CodePrior):
    """Fills every unknown cell with 0; has no likelihood."""

    inpainting_support = "anything"
    codebook_size = 3

    def _fill(self, known: torch.Tensor, **_: object) -> torch.Tensor:
        return known.clamp(min=0)


def test_bits_are_the_sum_over_levels_given_the_coarser_one() -> None:
    hierarchy = two_levels()
    codes = hierarchy.sample(unknown(3), params=SamplingParams(), generator=torch.Generator().manual_seed(0))
    condition = Condition(label=torch.tensor([0, 1, 2]))
    top, bottom = hierarchy.priors
    expected = torch.zeros(3, dtype=torch.float64)
    for logits, level in (
        (top.logits(codes[0], condition=condition), codes[0]),
        (bottom.logits(codes[1], context=codes[:1], condition=condition), codes[1]),
    ):
        chosen = logits.double().log_softmax(dim=1).gather(1, level[:, None])
        expected -= chosen.sum(dim=(1, 2, 3)) / math.log(2)
    torch.testing.assert_close(hierarchy.bits(codes, condition), expected, rtol=1e-6, atol=1e-5)
    assert [one.shape for one in hierarchy.logits(codes)] == [(3, 3, 2, 3), (3, 5, 4, 6)]


def three_levels() -> HierarchicalPrior:
    torch.manual_seed(0)
    sizes = (3, 5, 4)
    levels: list[CodePrior] = [
        GatedPixelCNN(
            channels=8,
            embedding_dim=4,
            dilations=(1,),
            codebook_size=size,
            context_sizes=sizes[:number],
        )
        for number, size in enumerate(sizes)
    ]
    return HierarchicalPrior(levels=levels).eval()


def test_the_third_level_sees_the_first_and_the_second() -> None:
    hierarchy = three_levels()
    asked = (*unknown(2), torch.full((2, 4, 6), UNKNOWN))
    codes = hierarchy.sample(asked, params=SamplingParams(), generator=torch.Generator().manual_seed(0))
    expected = hierarchy.logits(codes)[2]
    assert torch.equal(hierarchy.priors[2].logits(codes[2], context=codes[:2]), expected)
    for changed in (((codes[0] + 1) % 3, codes[1]), (codes[0], (codes[1] + 1) % 5)):
        assert not torch.allclose(hierarchy.logits((*changed, codes[2]))[2], expected)


def test_known_codes_of_every_level_come_back() -> None:
    hierarchy = two_levels()
    known = unknown(2)
    known[0][:, 0] = 2
    known[1][:, :2] = 4
    codes = hierarchy.sample(known, Condition(label=torch.tensor([0, 1])), params=SamplingParams())
    assert (codes[0][:, 0] == 2).all()
    assert (codes[1][:, :2] == 4).all()
    assert all((level >= 0).all() for level in codes)


def test_a_generator_a_level_makes_chunks_match() -> None:
    hierarchy = two_levels()
    whole = hierarchy.sample(unknown(4), params=SamplingParams(), generator=level_generators(7, 2))
    generators = level_generators(7, 2)
    chunks = [
        hierarchy.sample(unknown(size), params=SamplingParams(), generator=generators) for size in (3, 1)
    ]
    for level in range(2):
        assert torch.equal(torch.cat([chunk[level] for chunk in chunks]), whole[level])


def test_a_level_without_likelihood_is_refused() -> None:
    hierarchy = HierarchicalPrior(levels=[Constant()])
    assert not hierarchy.has_likelihood
    assert two_levels().has_likelihood
    (codes,) = hierarchy.sample((torch.full((1, 2, 2), UNKNOWN),), params=SamplingParams())
    assert codes.tolist() == [[[0, 0], [0, 0]]]
    with pytest.raises(TypeError, match="Constant"):
        hierarchy.bits((codes,))


def test_conditions_are_those_of_its_levels() -> None:
    assert two_levels().conditions == LABELS
    assert HierarchicalPrior(levels=[Constant()]).conditions == ConditionSpace()


def test_wrong_numbers_of_levels_raise() -> None:
    with pytest.raises(ValueError, match="at least one"):
        HierarchicalPrior(levels=[])
    with pytest.raises(ValueError, match="codes have 1 levels; this prior has"):
        two_levels().logits((torch.zeros(1, 2, 3, dtype=torch.int64),))
