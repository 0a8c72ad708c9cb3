"""MaskGIT: it learns two patterns in seconds; effects of the settings."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import NO_CONDITIONS, ConditionSpace
from scanvq.nn.transformer_block import TransformerBlock
from scanvq.objectives.masked_codes import MaskedCodes
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.maskgit import MaskGIT
from scanvq.types import UNKNOWN, Batch, SamplingParams

LABELS = ConditionSpace.of_labels(("AD", "NC"))

HEIGHT, WIDTH, K = 3, 4, 6
DARK, BRIGHT = 1, 4
LIKELY = SamplingParams(top_p=0.9)


def maskgit(**changes: Any) -> MaskGIT:
    sizes = {"codebook_size": K, "height": HEIGHT, "width": WIDTH}
    return MaskGIT(**{"channels": 32, "layers": 2, "heads": 4, "dropout": 0.0} | sizes | changes)


def constant(code: int, batch: int = 1, height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    return torch.full((batch, height, width), code)


@cache
def trained(order: str, conditions: ConditionSpace = NO_CONDITIONS) -> MaskGIT:
    """Has seen two images only, all DARK and all BRIGHT; with labels 0 and 1 where it learns them."""
    torch.manual_seed(0)
    prior = maskgit(order=order, conditions=conditions)
    objective = MaskedCodes(prior=HierarchicalPrior(levels=[prior]))
    optimizer = torch.optim.AdamW(prior.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=100)
    codes = torch.cat([constant(DARK, 32), constant(BRIGHT, 32)])
    label = torch.tensor([0] * 32 + [1] * 32) if conditions.names else None
    for _ in range(100):
        optimizer.zero_grad()
        objective(Batch(codes=(codes,), condition=Condition(label=label)), "prior", 0).total.backward()
        optimizer.step()
        schedule.step()
    return prior.eval()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


orders = pytest.mark.parametrize("order", ["halton", "confidence"])


@orders
def test_samples_are_one_of_the_two_images(order: str) -> None:
    samples = trained(order).sample(constant(UNKNOWN, 40), params=LIKELY, generator=seeded())
    first = samples[:, 0, 0]
    assert torch.equal(samples, first[:, None, None].expand_as(samples))
    assert set(first.tolist()) == {DARK, BRIGHT}
    assert 8 <= (first == DARK).sum() <= 32


@orders
@pytest.mark.parametrize("code", [DARK, BRIGHT])
@pytest.mark.parametrize("known_cell", [(0, 0), (2, 3), (1, 2)])
def test_completions_agree_with_the_known_cell(order: str, code: int, known_cell: tuple[int, int]) -> None:
    known = constant(UNKNOWN, 20)
    known[:, known_cell[0], known_cell[1]] = code
    assert (trained(order).sample(known, params=LIKELY, generator=seeded()) == code).all()


@orders
def test_samples_follow_the_label(order: str) -> None:
    prior = trained(order, LABELS)
    for label, code in ((0, DARK), (1, BRIGHT)):
        condition = Condition(label=torch.full((20,), label))
        samples = prior.sample(constant(UNKNOWN, 20), condition=condition, params=LIKELY, generator=seeded())
        assert (samples == code).all()


def test_a_hierarchical_prior_learns_that_the_finer_level_repeats_the_coarser() -> None:
    torch.manual_seed(0)
    hierarchy = HierarchicalPrior(
        levels=[
            maskgit(height=2, width=3, dropout=0.0),
            maskgit(height=4, width=6, context_sizes=(K,), layers=1),
        ]
    )
    objective = MaskedCodes(prior=hierarchy)
    optimizer = torch.optim.AdamW(hierarchy.parameters(), lr=1e-2)
    for _ in range(150):
        top = torch.randint(K, (32, 2, 3))
        fine = top.repeat_interleave(2, 1).repeat_interleave(2, 2)
        optimizer.zero_grad()
        objective(Batch(codes=(top, fine)), "prior", 0).total.backward()
        optimizer.step()
    known = (torch.full((10, 2, 3), UNKNOWN), torch.full((10, 4, 6), UNKNOWN))
    coarse, fine = hierarchy.eval().sample(known, params=LIKELY, generator=seeded())
    agree = fine == coarse.repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert agree.float().mean() > 0.95
    assert len(coarse.unique()) == K


def test_the_block_is_that_of_pytorch() -> None:
    torch.manual_seed(0)
    block = TransformerBlock(16, heads=4, hidden=24, causal=False, dropout=0.0)
    theirs = nn.TransformerEncoderLayer(
        16, 4, dim_feedforward=24, dropout=0.0, activation=F.gelu, batch_first=True, norm_first=True
    )
    for parameter in block.parameters():
        nn.init.normal_(parameter, 0, 0.3)
    theirs.norm1.load_state_dict(block.attention_norm.state_dict())
    theirs.norm2.load_state_dict(block.hidden_norm.state_dict())
    theirs.linear1.load_state_dict(block.hidden.state_dict())
    theirs.self_attn.in_proj_weight.data.copy_(block.queries_keys_values.weight)
    theirs.self_attn.in_proj_bias.data.copy_(block.queries_keys_values.bias)
    for ours, other in ((block.attention_out, theirs.self_attn.out_proj), (block.hidden_out, theirs.linear2)):
        other.weight.data.copy_(ours.weight)
        other.bias.data.zero_()
    features = torch.randn(3, 10, 16)
    torch.testing.assert_close(block(features), theirs(features), rtol=1e-4, atol=1e-5)


def test_dropout_is_in_training_only() -> None:
    torch.manual_seed(0)
    prior = maskgit(dropout=0.5)
    codes = constant(UNKNOWN, 2)
    assert not torch.equal(prior.logits(codes), prior.logits(codes))
    prior.eval()
    assert torch.equal(prior.logits(codes), prior.logits(codes))


def test_hidden_is_four_times_the_channels_if_not_given() -> None:
    def hidden(prior: MaskGIT) -> int:
        return prior.get_submodule("blocks.0.hidden").out_features  # type: ignore[return-value]

    assert hidden(maskgit(channels=32)) == 128
    assert hidden(maskgit(channels=32, hidden=48)) == 48


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 0}, "layers is 0"),
        ({"steps": 0}, "steps is 0"),
        ({"channels": 30}, "channels is 30; it must be a multiple of heads, 4"),
        ({"hidden": -1}, "hidden is -1"),
        ({"dropout": 1.0}, r"dropout is 1\.0"),
        ({"choice_temperature": -1.0}, r"choice_temperature is -1\.0"),
    ],
)
def test_settings_out_of_range(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        maskgit(**changes)
