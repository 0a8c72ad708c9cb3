"""Priors in exact arithmetic: near the float prior, and the same codes in any batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from scanvq.codec.errors import CodecError
from scanvq.codec.exact_prior import GROUP, ExactPrior
from scanvq.codec.range_coder import Decoder, Encoder
from scanvq.conditions.space import CategoryCondition, ConditionSpace, NumberCondition
from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.global_code import GlobalCode
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.pixelcnn import PixelCNN
from scanvq.priors.transformer import TransformerPrior
from scanvq.types import CodePrior

K, SHAPE = 7, (6, 5)
GRID = {"height": SHAPE[0], "width": SHAPE[1]}


def gated(**changes: Any) -> CodePrior:
    given = {"channels": 8, "embedding_dim": 4, "dilations": (1, 2), "codebook_size": K}
    return GatedPixelCNN(**given | changes)  # type: ignore[arg-type]


def plain(**changes: Any) -> CodePrior:
    given = {"channels": 8, "hidden": 6, "kernel": 5, "codebook_size": K}
    return PixelCNN(**given | changes)  # type: ignore[arg-type]


LEVELS: dict[str, Callable[..., CodePrior]] = {
    "gated": gated,
    "gated, far": lambda **changes: gated(dilations=(1, 4, 2, 1), **changes),
    "gated, mirror": lambda **changes: gated(mirror=True, **changes),
    "gated, mirror and positions": lambda **changes: gated(mirror=True, positions=True, **GRID, **changes),
    "gated, positions": lambda **changes: gated(positions=True, **GRID, **changes),
    "plain": plain,
    "plain, embedded": lambda **changes: plain(codes_in="embedded", embedding_dim=4, **changes),
    "plain, positions": lambda **changes: plain(positions=True, **GRID, **changes),
    "plain, no blocks": lambda **changes: plain(blocks=0, head_layers=0, **changes),
}


def trained(prior: HierarchicalPrior) -> HierarchicalPrior:
    """With weights that give far from uniform probabilities."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in prior.parameters():
            weight.copy_(torch.randn(weight.shape) * 0.4)
    return prior.eval()


def random_codes(count: int, *shapes: tuple[int, int]) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randint(K, (count, *shape), generator=generator) for shape in shapes)


def coded(
    prior: HierarchicalPrior, codes: tuple[torch.Tensor, ...], *, batch: int
) -> tuple[bytes, ExactPrior]:
    exact = ExactPrior(prior, [tuple(level.shape[1:]) for level in codes])  # type: ignore[misc]
    given = prior.with_global_code(codes)
    condition = {} if given is None else {name: each.numpy() for name, each in given.categories.items()}
    encoder, done = Encoder(), []
    exact.encode(encoder, [level.numpy() for level in codes], condition, batch=batch, coded=done.append)
    assert sum(done) == exact.rows * len(codes[0])
    return encoder.finish(), exact


def check(prior: HierarchicalPrior, codes: tuple[torch.Tensor, ...]) -> None:
    """The stream is as long as the float prior says, the same in every batch, and gives the codes back."""
    streams = {coded(prior, codes, batch=batch)[0] for batch in (1, 3, 16)}
    assert len(streams) == 1
    (stream,) = streams
    bits = float(prior.bits(codes).detach().sum())
    assert abs(8 * len(stream) - bits) < 0.01 * bits + 72
    exact = coded(prior, codes, batch=16)[1]
    for batch in (1, 3):
        found = exact.decode(Decoder(stream), len(codes[0]), batch=batch, coded=lambda rows: None)
        assert all(np.array_equal(a, b) for a, b in zip(found, codes, strict=True))


@pytest.mark.parametrize("name", LEVELS)
def test_codes_of_every_prior_come_back(name: str) -> None:
    check(trained(HierarchicalPrior(levels=[LEVELS[name]()])), random_codes(4, SHAPE))


@pytest.mark.parametrize("make", [gated, plain])
def test_groups_of_images(make: Callable[..., CodePrior]) -> None:
    check(trained(HierarchicalPrior(levels=[make()])), random_codes(GROUP + 2, (3, 2)))


@pytest.mark.parametrize("make", [gated, plain])
def test_absent_conditions_are_absent(make: Callable[..., CodePrior]) -> None:
    conditions = ConditionSpace(
        (
            CategoryCondition(name="label", values=("AD", "NC")),
            NumberCondition(name="age", low=0, high=90, mean=40, std=9),
        )
    )
    check(trained(HierarchicalPrior(levels=[make(conditions=conditions)])), random_codes(3, SHAPE))


@pytest.mark.parametrize("make", [gated, plain])
def test_two_levels_with_a_global_code(make: Callable[..., CodePrior]) -> None:
    shapes = ((3, 2), (6, 4))
    code = GlobalCode(appearance=3, layout=2, codebook_sizes=(K, K), code_dims=(4, 4), code_shapes=shapes)
    generator = torch.Generator().manual_seed(0)
    for name, buffer in code.named_buffers():
        random = torch.rand(buffer.shape, generator=generator)
        buffer.copy_((9 * random).round() if name == "counts" else random)
    conditions = ConditionSpace(code.conditions)
    levels = [make(conditions=conditions), make(conditions=conditions, context_sizes=(K,))]
    check(trained(HierarchicalPrior(levels=levels, global_code=code)), random_codes(5, *shapes))


def test_other_priors_are_refused() -> None:
    prior = HierarchicalPrior(
        levels=[TransformerPrior(layers=1, channels=8, heads=1, codebook_size=K, **GRID)]
    )
    with pytest.raises(
        CodecError, match="TransformerPrior; train one of the kind gated_pixelcnn or pixelcnn"
    ):
        ExactPrior(prior, [SHAPE])
