"""The contract of every likelihood prior in the build table."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from scanvq.build import TABLES
from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.guidance import guided
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.pixelcnn import PixelCNN
from scanvq.priors.transformer import TransformerPrior
from scanvq.sampling.ordered import sample_ordered
from scanvq.sampling.ordering import Ordering
from scanvq.types import UNKNOWN, CodePrior, LikelihoodPrior, SamplingParams

LABELS = ConditionSpace.of_labels(("AD", "NC"))

SIZE, HEIGHT, WIDTH = 5, 4, 5


def gated_pixelcnn(**changes: Any) -> GatedPixelCNN:
    return GatedPixelCNN(
        **{"channels": 8, "embedding_dim": 4, "dilations": (1, 2), "codebook_size": SIZE} | changes
    )


def placed_gated_pixelcnn(**changes: Any) -> GatedPixelCNN:
    return gated_pixelcnn(**{"positions": True, "height": HEIGHT, "width": WIDTH} | changes)


def pixelcnn(**changes: Any) -> PixelCNN:
    """With a first convolution wide enough that the grid has no blind spot."""
    return PixelCNN(**{"channels": 16, "hidden": 12, "kernel": 9, "codebook_size": SIZE} | changes)


def embedding_pixelcnn(**changes: Any) -> PixelCNN:
    return pixelcnn(**{"codes_in": "embedded", "embedding_dim": 4} | changes)


def placed_pixelcnn(**changes: Any) -> PixelCNN:
    return pixelcnn(**{"positions": True, "height": HEIGHT, "width": WIDTH} | changes)


def transformer(**changes: Any) -> TransformerPrior:
    sizes = {"codebook_size": SIZE, "height": HEIGHT, "width": WIDTH}
    return TransformerPrior(**{"layers": 2, "channels": 16, "heads": 2} | sizes | changes)


def spiral_transformer(**changes: Any) -> TransformerPrior:
    return transformer(**{"order": "spiral_out"} | changes)


Maker = Callable[..., LikelihoodPrior]
MAKERS: dict[str, Maker] = {
    "gated_pixelcnn": gated_pixelcnn,
    "gated_pixelcnn with positions": placed_gated_pixelcnn,
    "pixelcnn": pixelcnn,
    "pixelcnn with embedded codes": embedding_pixelcnn,
    "pixelcnn with positions": placed_pixelcnn,
    "transformer": transformer,
    "transformer with another order": spiral_transformer,
}
GUIDED = (transformer, spiral_transformer)
PLACED = (placed_gated_pixelcnn, placed_pixelcnn, *GUIDED)


@pytest.fixture(params=sorted(MAKERS))
def maker(request: pytest.FixtureRequest) -> Maker:
    torch.manual_seed(0)
    return MAKERS[request.param]


def some_codes(batch: int = 2, height: int = HEIGHT, width: int = WIDTH, size: int = SIZE) -> torch.Tensor:
    return torch.randint(size, (batch, height, width), generator=torch.Generator().manual_seed(3))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ordering_of(prior: LikelihoodPrior) -> Ordering:
    return prior.ordering if isinstance(prior, TransformerPrior) else Ordering("raster", HEIGHT, WIDTH)


def test_every_likelihood_prior_of_the_table_is_tested() -> None:
    kinds = TABLES[CodePrior].items()
    known = {name for name, kind in kinds if isinstance(kind, type) and issubclass(kind, LikelihoodPrior)}
    assert {name.split(" with ")[0] for name in MAKERS} == known


def test_logits_depend_on_all_earlier_cells_and_no_other(maker: Maker) -> None:
    prior = maker().double().eval()
    codes = some_codes(1)
    before = prior.logits(codes)
    cells = ordering_of(prior).cells
    for place, source in enumerate(cells.tolist()):
        changed = codes.clone()
        changed.view(-1)[source] = (codes.view(-1)[source] + 1) % SIZE
        moved = ((prior.logits(changed) - before).abs().amax(dim=1).view(-1) > 0)[cells]
        assert not moved[: place + 1].any()
        assert moved[place + 1 :].all()


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
    known = torch.full((4, HEIGHT, WIDTH), UNKNOWN)
    first, again, other = (
        prior.sample(known, params=SamplingParams(), generator=seeded(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_chunks_give_the_samples_of_one_batch(maker: Maker) -> None:
    prior = maker().eval()
    known = torch.full((6, HEIGHT, WIDTH), UNKNOWN)
    generator = seeded()
    chunks = [prior.sample(known[:size], params=SamplingParams(), generator=generator) for size in (1, 3, 2)]
    assert torch.equal(torch.cat(chunks), prior.sample(known, params=SamplingParams(), generator=seeded()))


def test_samples_are_those_of_running_the_network_for_every_cell(maker: Maker) -> None:
    prior = maker().eval()
    known = torch.full((3, HEIGHT, WIDTH), UNKNOWN)
    with torch.no_grad():
        plain = sample_ordered(
            prior.logits, known, ordering=ordering_of(prior), params=SamplingParams(), generator=seeded()
        )
    assert torch.equal(prior.sample(known, params=SamplingParams(), generator=seeded()), plain)


def test_guidance_moves_the_logits_or_is_refused(maker: Maker) -> None:
    prior = maker(conditions=LABELS).eval()
    known = torch.full((3, HEIGHT, WIDTH), UNKNOWN)
    condition, params = Condition(label=torch.tensor([0, 1, 1])), SamplingParams(guidance=40.0)

    def logits_of(codes: torch.Tensor) -> torch.Tensor:
        return guided(prior.logits(codes, condition=condition), prior.logits(codes), params.guidance)

    if not prior.supports_guidance:
        with pytest.raises(ValueError, match="does not support guidance; set it to 1"):
            prior.sample(known, condition=condition, params=params)
        return
    sampled = prior.sample(known, condition=condition, params=params, generator=seeded())
    with torch.no_grad():
        plain = sample_ordered(
            logits_of, known, ordering=ordering_of(prior), params=params, generator=seeded()
        )
    assert torch.equal(sampled, plain)
    assert not torch.equal(
        sampled, prior.sample(known, condition=condition, params=SamplingParams(), generator=seeded())
    )
    with pytest.raises(ValueError, match="no condition is requested"):
        prior.sample(known, params=params)
    with pytest.raises(ValueError, match="trained without conditions"):
        maker().sample(known, params=params)


def test_likelihood_sums_to_one_over_every_grid(maker: Maker) -> None:
    sizes = {"height": 2, "width": 3} if maker in PLACED else {}
    prior = HierarchicalPrior(levels=[maker(codebook_size=2, **sizes)]).double().eval()
    grids = torch.tensor(list(itertools.product(range(2), repeat=6))).view(-1, 2, 3)
    assert torch.exp2(-prior.bits((grids,))).sum().item() == pytest.approx(1, abs=1e-6)


def test_every_parameter_gets_a_gradient(maker: Maker) -> None:
    prior = maker(conditions=LABELS, context_sizes=(3,)).train()
    condition = Condition(label=torch.tensor([0, 1]))
    logits = prior.logits(some_codes(), context=(some_codes(2, 2, 3, size=3),), condition=condition)
    F.cross_entropy(logits, some_codes()).backward()
    silent = [name for name, one in prior.named_parameters() if one.grad is None or not one.grad.any()]
    assert silent == []


def test_labels_matter_and_no_label_means_any_class(maker: Maker) -> None:
    prior = maker(conditions=LABELS).eval()
    codes = some_codes()
    one, other, anything, null = (
        prior.logits(codes, condition=condition)
        for condition in (
            Condition(label=torch.tensor([0, 0])),
            Condition(label=torch.tensor([1, 1])),
            Condition(label=torch.tensor([2, 2])),
            None,
        )
    )
    assert not torch.allclose(one, other)
    assert not torch.allclose(one, anything)
    assert torch.equal(anything, null)


def test_labels_of_one_sample_leave_the_others_alone(maker: Maker) -> None:
    prior = maker(conditions=LABELS).eval()
    codes = some_codes()
    one, other = (
        prior.logits(codes, condition=Condition(label=torch.tensor(label))) for label in ([0, 0], [0, 1])
    )
    assert torch.allclose(one[0], other[0], atol=1e-6)


def test_the_coarser_level_matters(maker: Maker) -> None:
    prior = maker(context_sizes=(3,)).eval()
    codes, coarse = some_codes(), some_codes(2, 2, 3, size=3)
    with pytest.raises(ValueError, match="coarser"):
        prior.logits(codes)
    assert not torch.allclose(
        prior.logits(codes, context=(coarse,)), prior.logits(codes, context=((coarse + 1) % 3,))
    )


def test_every_coarser_level_matters_to_logits_and_samples(maker: Maker) -> None:
    prior = maker(context_sizes=(3, 4)).eval()
    codes, known = some_codes(), torch.full((2, HEIGHT, WIDTH), UNKNOWN)
    first, second = some_codes(2, 1, 2, size=3), some_codes(2, 2, 3, size=4)
    contexts = [(first, second), ((first + 1) % 3, second), (first, (second + 1) % 4)]
    logits = [prior.logits(codes, context=context) for context in contexts]
    assert not torch.allclose(logits[0], logits[1])
    assert not torch.allclose(logits[0], logits[2])
    for context in contexts:
        with torch.no_grad():
            plain = sample_ordered(
                lambda filled, context=context: prior.logits(filled, context=context),
                known,
                ordering=ordering_of(prior),
                params=SamplingParams(),
                generator=seeded(),
            )
        sampled = prior.sample(known, context=context, params=SamplingParams(), generator=seeded())
        assert torch.equal(sampled, plain)
    with pytest.raises(ValueError, match="context has codes of 1 coarser levels; this prior needs 2"):
        prior.logits(codes, context=(first,))


@pytest.mark.parametrize("asked_share", [0.0, 0.5, 1.0])
def test_stepper_logits_equal_those_of_the_whole_grid(maker: Maker, asked_share: float) -> None:
    """Whichever cells are only set, as known codes are, without asking for their logits."""
    prior = maker(conditions=LABELS, context_sizes=(3,)).eval()
    codes, condition = some_codes(3), Condition(label=torch.tensor([0, 2, 1]))
    given = {"context": (some_codes(3, 2, 3, size=3),), "condition": condition}
    asked = torch.rand(HEIGHT * WIDTH, generator=seeded(4)) < asked_share
    with torch.inference_mode():
        expected = prior.logits(codes, **given).flatten(2)
        stepper = prior.stepper((3, HEIGHT, WIDTH), **given)
        assert list(stepper.cells) == ordering_of(prior).cells.tolist()
        for place, cell in enumerate(stepper.cells):
            if asked[cell] or place == HEIGHT * WIDTH - 1:
                torch.testing.assert_close(stepper.logits(cell), expected[:, :, cell], atol=1e-5, rtol=1e-5)
            stepper.set(cell, codes.flatten(1)[:, cell])


def test_a_computed_cell_is_refused(maker: Maker) -> None:
    prior = maker().eval()
    codes = some_codes(1)
    with torch.inference_mode():
        stepper = prior.stepper((1, HEIGHT, WIDTH))
        cells = stepper.cells[: WIDTH + 2]  # into a second row, or on along the order
        for cell in cells:
            stepper.logits(cell)
            stepper.set(cell, codes.flatten(1)[:, cell])
        for cell in (cells[-1], cells[-2], cells[0]):
            with pytest.raises(ValueError, match=f"cell {cell} was already computed"):
                stepper.logits(cell)


def test_a_stepper_gives_equal_logits_each_time(maker: Maker) -> None:
    """To the last bit: what one pass encodes, another decodes."""
    prior = maker(conditions=LABELS).eval()
    codes = some_codes(2)

    def bits() -> torch.Tensor:
        stepper = prior.stepper((2, HEIGHT, WIDTH))
        found = []
        for cell in stepper.cells:
            found.append(stepper.logits(cell).clone())
            stepper.set(cell, codes.flatten(1)[:, cell])
        return torch.stack(found)

    with torch.inference_mode():
        assert torch.equal(bits(), bits())


def test_invalid_codes_are_refused(maker: Maker) -> None:
    prior = maker(context_sizes=(3,)).eval()
    known, coarse = some_codes(), some_codes(2, 2, 3, size=3)
    for wrong in (SIZE, UNKNOWN - 1):
        changed = known.clone()
        changed[0, 0, 0] = wrong
        with pytest.raises(ValueError, match=f"this prior takes -1 to {SIZE - 1}"):
            prior.sample(changed, context=(coarse,), params=SamplingParams())
    with pytest.raises(ValueError, match="takes 0 to 2"):
        prior.sample(known, context=(coarse.fill_(UNKNOWN),), params=SamplingParams())
    with pytest.raises(ValueError, match="one B for all levels"):
        prior.sample(known, context=(coarse[:1],), params=SamplingParams())
    with pytest.raises(ValueError, match="0 coarser levels"):
        prior.sample(known, params=SamplingParams())


def test_samples_can_be_saved_by_autograd(maker: Maker) -> None:
    prior = maker().eval()
    codes = prior.sample(torch.full((2, HEIGHT, WIDTH), UNKNOWN), params=SamplingParams())
    assert not codes.is_inference()
    F.cross_entropy(prior.logits(codes), codes).backward()


def test_bfloat16_autocast_is_near_float32(maker: Maker) -> None:
    prior = maker(conditions=LABELS, context_sizes=(3,)).eval()
    codes, coarse = some_codes(), some_codes(2, 2, 3, size=3)
    sample = partial(prior.sample, context=(coarse,), params=SamplingParams())
    exact = F.cross_entropy(prior.logits(codes, context=(coarse,)), codes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = F.cross_entropy(prior.logits(codes, context=(coarse,)).float(), codes)
        sampled = sample(torch.full_like(codes, UNKNOWN), generator=seeded())
    rough.backward()
    assert rough.item() == pytest.approx(exact.item(), abs=0.02)
    assert torch.equal(sampled, sample(torch.full_like(codes, UNKNOWN), generator=seeded()))


def test_an_untrained_prior_scores_near_a_uniform_one(maker: Maker) -> None:
    bits = HierarchicalPrior(levels=[maker()]).bits((some_codes(16),))
    assert bits.shape == (16,)
    assert bits.mean().item() / (HEIGHT * WIDTH) == pytest.approx(math.log2(SIZE), abs=0.5)
