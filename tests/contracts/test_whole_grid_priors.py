"""The contract of every prior in the build table that samples whole grids, without a likelihood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from scanvq.build import TABLES
from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.latent_gan import LatentGAN
from scanvq.types import UNKNOWN, CodePrior, SamplingParams

LABELS = ConditionSpace.of_labels(("AD", "NC"))

SIZE, DIM, HEIGHT, WIDTH = 7, 3, 9, 6


def latent_gan(**changes: Any) -> LatentGAN:
    sizes = {"codebook_size": SIZE, "code_dim": DIM, "height": HEIGHT, "width": WIDTH}
    return LatentGAN(**{"noise_dim": 5, "channels": 4, "discriminator_channels": 4} | sizes | changes)


Maker = Callable[..., CodePrior]
MAKERS: dict[str, Maker] = {"latent_gan": latent_gan}


@pytest.fixture(params=sorted(MAKERS))
def maker(request: pytest.FixtureRequest) -> Maker:
    """Makes a prior in evaluation mode that has adopted a codebook."""

    def make(**changes: Any) -> CodePrior:
        torch.manual_seed(0)
        prior = MAKERS[request.param](**changes)
        prior.set_codebook(torch.randn(SIZE, DIM))
        for parameter in prior.parameters():  # an untrained network makes next to nothing of its noise
            torch.nn.init.normal_(parameter, 0, 0.5)
        return prior.eval()

    return make


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def unknown(batch: int) -> torch.Tensor:
    return torch.full((batch, HEIGHT, WIDTH), UNKNOWN)


def test_every_whole_grid_prior_of_the_table_is_tested() -> None:
    kinds = {name: kind for name, kind in TABLES[CodePrior].items() if isinstance(kind, type)}
    known = {
        name
        for name, kind in kinds.items()
        if issubclass(kind, CodePrior) and kind.inpainting_support == "nothing"
    }
    assert set(MAKERS) == known


def test_inpainting_support_is_declared(maker: Maker) -> None:
    prior = maker()
    assert prior.inpainting_support == "nothing"
    assert not HierarchicalPrior(levels=[prior]).has_likelihood


def test_samples_are_codes(maker: Maker) -> None:
    known = unknown(3)
    sampled = maker().sample(known, params=SamplingParams(), generator=seeded())
    assert sampled.shape == known.shape
    assert sampled.dtype == torch.int64
    assert ((sampled >= 0) & (sampled < SIZE)).all()
    assert torch.equal(known, unknown(3))


def test_same_seed_same_sample(maker: Maker) -> None:
    prior = maker()
    first, again, other = (
        prior.sample(unknown(4), params=SamplingParams(), generator=seeded(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_chunks_give_the_samples_of_one_batch(maker: Maker) -> None:
    prior, generator = maker(), seeded()
    chunks = [prior.sample(unknown(size), params=SamplingParams(), generator=generator) for size in (1, 3, 2)]
    assert torch.equal(
        torch.cat(chunks), prior.sample(unknown(6), params=SamplingParams(), generator=seeded())
    )


def test_known_codes_are_refused(maker: Maker) -> None:
    known = unknown(2)
    known[1, 0, 0] = 0
    with pytest.raises(ValueError, match="whole grids only"):
        maker().sample(known, params=SamplingParams())


def test_top_k_top_p_and_guidance_are_refused(maker: Maker) -> None:
    assert not maker().supports_top_p
    assert not maker().supports_guidance
    for params in (SamplingParams(top_k=3), SamplingParams(top_p=0.9)):
        with pytest.raises(ValueError, match="latent_gan has no probabilities of codes"):
            maker().sample(unknown(1), params=params)
    with pytest.raises(ValueError, match="does not support guidance"):
        maker().sample(unknown(1), params=SamplingParams(guidance=2))


def test_labels_matter_and_no_label_means_any_class(maker: Maker) -> None:
    prior = maker(conditions=LABELS)
    conditions = [None, *(Condition(label=torch.full((4,), label)) for label in (0, 1, 2))]
    null, zero, one, anything = (
        prior.sample(unknown(4), condition=condition, params=SamplingParams(), generator=seeded())
        for condition in conditions
    )
    assert not torch.equal(zero, one)
    assert not torch.equal(zero, anything)
    assert torch.equal(null, anything)


def test_unknown_labels_are_refused(maker: Maker) -> None:
    with pytest.raises(ValueError, match="label: not a condition of this prior"):
        maker().sample(unknown(1), condition=Condition(label=torch.tensor([0])), params=SamplingParams())
    with pytest.raises(ValueError, match="use 0 to 2"):
        maker(conditions=LABELS).sample(
            unknown(1), condition=Condition(label=torch.tensor([3])), params=SamplingParams()
        )


def test_weights_are_complete_for_sampling(maker: Maker) -> None:
    first, second = maker(), maker()
    for parameter in second.parameters():
        torch.nn.init.zeros_(parameter)
    second.set_codebook(torch.ones(SIZE, DIM))
    second.load_state_dict(first.state_dict())
    samples = [
        prior.sample(unknown(2), params=SamplingParams(), generator=seeded()) for prior in (first, second)
    ]
    assert torch.equal(*samples)


def test_bfloat16_autocast_changes_no_sample(maker: Maker) -> None:
    prior = maker()
    exact = prior.sample(unknown(3), params=SamplingParams(), generator=seeded())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(prior.sample(unknown(3), params=SamplingParams(), generator=seeded()), exact)
