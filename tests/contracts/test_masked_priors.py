"""The contract of every masked prior in the build table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from scanvq.build import TABLES
from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.maskgit import MaskGIT
from scanvq.types import UNKNOWN, CodePrior, SamplingParams

LABELS = ConditionSpace.of_labels(("AD", "NC"))

SIZE, HEIGHT, WIDTH = 5, 4, 5


def maskgit(**changes: Any) -> MaskGIT:
    sizes = {"codebook_size": SIZE, "height": HEIGHT, "width": WIDTH}
    return MaskGIT(**{"channels": 16, "layers": 2, "heads": 4, "steps": 4} | sizes | changes)


def confident_maskgit(**changes: Any) -> MaskGIT:
    return maskgit(**{"order": "confidence"} | changes)


Maker = Callable[..., MaskGIT]
MAKERS: dict[str, Maker] = {"maskgit": maskgit, "maskgit with confidence": confident_maskgit}


@pytest.fixture(params=sorted(MAKERS))
def maker(request: pytest.FixtureRequest) -> Maker:
    """Makes a prior whose weights are large enough to tell one input from another."""

    def make(**changes: Any) -> MaskGIT:
        torch.manual_seed(0)
        prior = MAKERS[request.param](**changes)
        for parameter in prior.parameters():
            torch.nn.init.normal_(parameter, 0, 0.7)
        return prior

    return make


def some_codes(batch: int = 2, height: int = HEIGHT, width: int = WIDTH, size: int = SIZE) -> torch.Tensor:
    return torch.randint(size, (batch, height, width), generator=seeded(3))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def unknown(batch: int) -> torch.Tensor:
    return torch.full((batch, HEIGHT, WIDTH), UNKNOWN)


def test_every_masked_prior_of_the_table_is_tested() -> None:
    kinds = TABLES[CodePrior].items()
    known = {
        name
        for name, kind in kinds
        if isinstance(kind, type) and issubclass(kind, CodePrior) and kind.inpainting_support == "anything"
    }
    assert {name.split(" with ")[0] for name in MAKERS} == known


def test_inpainting_support_is_declared(maker: Maker) -> None:
    assert not HierarchicalPrior(levels=[maker()]).has_likelihood


def test_logits_depend_on_every_known_cell(maker: Maker) -> None:
    prior = maker().double().eval()
    codes = some_codes(1)
    codes[0, 1, 2] = UNKNOWN
    before = prior.logits(codes)[0, :, 1, 2]
    for source in range(HEIGHT * WIDTH):
        if source == WIDTH + 2:
            continue
        changed = codes.clone()
        changed.view(-1)[source] = (codes.view(-1)[source] + 1) % SIZE
        assert (prior.logits(changed)[0, :, 1, 2] - before).abs().max() > 1e-6
        changed.view(-1)[source] = UNKNOWN
        assert (prior.logits(changed)[0, :, 1, 2] - before).abs().max() > 1e-6


def test_samples_depend_on_codes_after_the_unknown_region(maker: Maker) -> None:
    prior = maker().eval()
    known = some_codes(1).repeat(64, 1, 1)
    known[:, 1:3, 1:4] = UNKNOWN
    holes = []
    for last in range(SIZE):
        known[:, -1, -1] = last  # in raster order it comes after the hole
        holes.append(prior.sample(known, params=SamplingParams(), generator=seeded())[:, 1:3, 1:4])
    assert all(not torch.equal(holes[0], other) for other in holes[1:])


def test_logits_have_an_entry_per_code(maker: Maker) -> None:
    assert maker().logits(some_codes(3)).shape == (3, SIZE, HEIGHT, WIDTH)


def test_sampling_keeps_known_codes_and_fills_the_rest(maker: Maker) -> None:
    prior = maker().eval()
    codes = some_codes()
    hidden = torch.rand(codes.shape, generator=seeded()) < 0.5
    known = torch.where(hidden, UNKNOWN, codes)
    asked = known.clone()
    sampled = prior.sample(known, params=SamplingParams(), generator=seeded())
    assert torch.equal(known, asked)
    assert torch.equal(sampled[~hidden], codes[~hidden])
    assert sampled.dtype == torch.int64
    assert ((sampled >= 0) & (sampled < SIZE)).all()
    assert torch.equal(prior.sample(codes, params=SamplingParams(), generator=seeded()), codes)


def test_same_seed_same_sample(maker: Maker) -> None:
    prior = maker().eval()
    first, again, other = (
        prior.sample(unknown(4), params=SamplingParams(), generator=seeded(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_chunks_give_the_samples_of_one_batch(maker: Maker) -> None:
    prior, generator = maker().eval(), seeded()
    chunks = [prior.sample(unknown(size), params=SamplingParams(), generator=generator) for size in (1, 3, 2)]
    assert torch.equal(
        torch.cat(chunks), prior.sample(unknown(6), params=SamplingParams(), generator=seeded())
    )


def test_every_parameter_gets_a_gradient(maker: Maker) -> None:
    prior = maker(conditions=LABELS, context_sizes=(3,)).train()
    condition = Condition(label=torch.tensor([0, 1]))
    known = torch.where(torch.rand(2, HEIGHT, WIDTH, generator=seeded()) < 0.5, UNKNOWN, some_codes())
    logits = prior.logits(known, context=(some_codes(2, 2, 3, size=3),), condition=condition)
    F.cross_entropy(logits, some_codes()).backward()
    silent = [name for name, one in prior.named_parameters() if one.grad is None or not one.grad.any()]
    assert silent == []


def test_labels_matter_and_no_label_means_any_class(maker: Maker) -> None:
    prior = maker(conditions=LABELS).eval()
    conditions = [None, *(Condition(label=torch.full((2,), label)) for label in (0, 1, 2))]
    null, zero, one, anything = (prior.logits(some_codes(), condition=condition) for condition in conditions)
    assert not torch.allclose(zero, one)
    assert not torch.allclose(zero, anything)
    assert torch.equal(null, anything)


def test_labels_of_one_sample_leave_the_others_alone(maker: Maker) -> None:
    prior = maker(conditions=LABELS).eval()
    one, other = (
        prior.logits(some_codes(), condition=Condition(label=torch.tensor(label)))
        for label in ([0, 0], [0, 1])
    )
    assert torch.allclose(one[0], other[0], atol=1e-6)


def test_unknown_labels_are_refused(maker: Maker) -> None:
    with pytest.raises(ValueError, match="label: not a condition of this prior"):
        maker().sample(unknown(1), condition=Condition(label=torch.tensor([0])), params=SamplingParams())
    with pytest.raises(ValueError, match="use 0 to 2"):
        maker(conditions=LABELS).sample(
            unknown(1), condition=Condition(label=torch.tensor([3])), params=SamplingParams()
        )


def test_guidance_goes_from_any_class_to_the_label_and_beyond(maker: Maker) -> None:
    """0 is any class, 1 the label; far beyond, the codes are those that the label makes likelier most."""
    prior = maker(conditions=LABELS, steps=1).eval()
    label = Condition(label=torch.ones(2, dtype=torch.int64))

    def drawn(guidance: float, condition: Condition | None = label, temperature: float = 1.0) -> torch.Tensor:
        params = SamplingParams(guidance=guidance, temperature=temperature)
        return prior.sample(unknown(2), condition=condition, params=params, generator=seeded())

    assert torch.equal(drawn(0), drawn(1, None))
    assert not torch.equal(drawn(0), drawn(1))
    with pytest.raises(ValueError, match="no condition is requested"):
        drawn(7, None)
    with torch.no_grad():
        cond, free = prior.logits(unknown(2), condition=label), prior.logits(unknown(2))
    for guidance in (1, 3, 100):
        expected = (free + guidance * (cond - free)).argmax(dim=1)
        assert torch.equal(drawn(guidance, temperature=0), expected)


def test_the_coarser_level_matters(maker: Maker) -> None:
    prior = maker(context_sizes=(3,)).eval()
    codes, coarse = some_codes(), some_codes(2, 2, 3, size=3)
    with pytest.raises(ValueError, match="coarser"):
        prior.logits(codes)
    assert not torch.allclose(
        prior.logits(codes, context=(coarse,)), prior.logits(codes, context=((coarse + 1) % 3,))
    )


def test_another_grid_is_refused(maker: Maker) -> None:
    with pytest.raises(ValueError, match="codes are 4x6; this prior was trained for 4x5"):
        maker().sample(torch.full((1, 4, 6), UNKNOWN), params=SamplingParams())


def test_bfloat16_autocast_is_near_float32_and_changes_no_sample(maker: Maker) -> None:
    prior = maker(conditions=LABELS, context_sizes=(3,)).eval()
    for parameter in prior.parameters():
        parameter.data /= 4
    codes, coarse = some_codes(), some_codes(2, 2, 3, size=3)
    exact = F.cross_entropy(prior.logits(codes, context=(coarse,)), codes)
    drawn = prior.sample(unknown(2), context=(coarse,), params=SamplingParams(), generator=seeded())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = F.cross_entropy(prior.logits(codes, context=(coarse,)).float(), codes)
        again = prior.sample(unknown(2), context=(coarse,), params=SamplingParams(), generator=seeded())
    rough.backward()
    assert rough.item() == pytest.approx(exact.item(), abs=0.02)
    assert torch.equal(drawn, again)


def test_an_untrained_prior_is_almost_uniform() -> None:
    torch.manual_seed(0)
    logits = maskgit().eval().logits(unknown(4))
    assert F.cross_entropy(logits, some_codes(4)).item() == pytest.approx(math.log(SIZE), abs=0.1)
