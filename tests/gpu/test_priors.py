"""Priors on a GPU train as on a CPU, and sample what the seed and the known codes say."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.nn.precision import Precision
from scanvq.objectives.adversarial_codes import AdversarialCodes
from scanvq.objectives.masked_codes import MaskedCodes
from scanvq.objectives.next_code import NextCode
from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.latent_gan import LatentGAN
from scanvq.priors.maskgit import MaskGIT
from scanvq.priors.pixelcnn import PixelCNN
from scanvq.priors.transformer import TransformerPrior
from scanvq.types import UNKNOWN, Batch, CodePrior, Objective, SamplingParams

LABELS = ConditionSpace.of_labels(("AD", "NC"))

pytestmark = pytest.mark.gpu

CPU = torch.device("cpu")
K, DIM, HEIGHT, WIDTH, BATCH = 32, 8, 16, 12, 4
GRID = {"codebook_size": K, "height": HEIGHT, "width": WIDTH, "conditions": LABELS}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gated_pixelcnn() -> Objective:
    level = GatedPixelCNN(channels=32, dilations=(1, 2), embedding_dim=16, positions=True, **GRID)
    return NextCode(prior=HierarchicalPrior(levels=[level]), condition_dropout=0.0)


def pixelcnn() -> Objective:
    level = PixelCNN(channels=32, hidden=16, kernel=5, positions=True, **GRID)
    return NextCode(prior=HierarchicalPrior(levels=[level]), condition_dropout=0.0)


def transformer() -> Objective:
    level = TransformerPrior(layers=2, channels=32, heads=4, **GRID)
    return NextCode(prior=HierarchicalPrior(levels=[level]), condition_dropout=0.0)


def maskgit() -> Objective:
    level = MaskGIT(layers=2, channels=32, heads=4, **GRID)
    return MaskedCodes(prior=HierarchicalPrior(levels=[level]), condition_dropout=0.0)


def latent_gan() -> Objective:
    level = LatentGAN(noise_dim=16, channels=16, discriminator_channels=8, code_dim=DIM, **GRID)
    level.set_codebook(torch.randn(K, DIM, generator=seeded(5)))
    return AdversarialCodes(prior=HierarchicalPrior(levels=[level]))


MAKERS = [gated_pixelcnn, pixelcnn, transformer, maskgit, latent_gan]
each = pytest.mark.parametrize("make", MAKERS)
every_likelihood = pytest.mark.parametrize("make", [gated_pixelcnn, pixelcnn, transformer])
fills_regions = pytest.mark.parametrize("make", [gated_pixelcnn, pixelcnn, transformer, maskgit])


def made(make: Callable[[], Objective]) -> Objective:
    torch.manual_seed(0)
    return make()


def sharp(make: Callable[[], Objective]) -> CodePrior:
    """A level with wider weights than at the start, so that the random numbers matter."""
    (level,) = made(make).prior.priors
    for parameter in level.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return level.eval()


def batch(device: torch.device) -> Batch:
    codes = torch.randint(K // 2, (BATCH, HEIGHT, WIDTH), generator=seeded(1)).to(device)
    return Batch(codes=(codes,), condition=Condition(label=torch.tensor([0, 1, 1, 0], device=device)))


def sampled(level: CodePrior, known: torch.Tensor, seed: int) -> torch.Tensor:
    label = torch.tensor([0, 1, 1, 0], device=known.device)
    return level.sample(
        known, condition=Condition(label=label), params=SamplingParams(), generator=seeded(seed)
    )


@every_likelihood
@pytest.mark.usefixtures("_exact_convolutions")
def test_a_training_step_is_that_of_a_cpu(make: Callable[[], Objective], device: torch.device) -> None:
    start = made(make).train()
    losses, gradients = [], []
    for where in (CPU, device):
        objective = deepcopy(start).to(where)
        total = objective(batch(where), "prior", 0).total
        total.backward()
        losses.append(total.item())
        found = [one.grad for one in objective.parameters() if one.grad is not None]
        gradients.append(torch.cat([one.flatten().cpu() for one in found]))
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-3, atol=1e-4 * gradients[0].abs().max())


@pytest.mark.usefixtures("_exact_convolutions")
def test_the_validation_loss_of_maskgit_is_that_of_a_cpu(device: torch.device) -> None:
    """Its masks are fixed there; in training each device draws its own."""
    start = made(maskgit).eval()
    with torch.no_grad():
        losses = [deepcopy(start).to(where)(batch(where), "prior", 0).total.item() for where in (CPU, device)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


@each
@pytest.mark.parametrize("autocast", ["fp32", "bf16"])
def test_training_stays_finite(make: Callable[[], Objective], autocast: str, device: torch.device) -> None:
    precision = Precision(autocast=autocast, channels_last=True)
    objective = made(make).to(device).train()
    precision.apply_memory_format(objective)
    optimizers = {name: torch.optim.Adam(list(own), fused=True) for name, own in objective.players.items()}
    before = [one.detach().clone() for one in objective.parameters()]
    for step in range(3):
        for player, optimizer in optimizers.items():
            with precision.context(device):
                total = objective(batch(device), player, step).total
            objective.zero_grad(set_to_none=True)
            total.backward()
            optimizer.step()
            assert total.isfinite()
    after = list(objective.parameters())
    assert all(one.isfinite().all() for one in after)
    assert any(not torch.equal(one, other) for one, other in zip(before, after, strict=True))


@each
def test_same_seed_same_sample(make: Callable[[], Objective], device: torch.device) -> None:
    level = sharp(make).to(device)
    known = torch.full((BATCH, HEIGHT, WIDTH), UNKNOWN, device=device)
    first, again, other = (sampled(level, known, seed) for seed in (1, 1, 2))
    assert first.device.type == device.type
    assert 0 <= first.min() <= first.max() < K
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@fills_regions
def test_known_codes_are_kept(make: Callable[[], Objective], device: torch.device) -> None:
    level = sharp(make).to(device)
    (codes,) = batch(device).codes
    hidden = torch.zeros_like(codes, dtype=torch.bool)
    hidden[:, HEIGHT // 2 :, 2:-2] = True
    filled = sampled(level, codes.masked_fill(hidden, UNKNOWN), 3)
    assert torch.equal(filled[~hidden], codes[~hidden])
    assert 0 <= filled.min() <= filled.max() < K


@each
@pytest.mark.usefixtures("_exact_convolutions")
def test_samples_are_mostly_those_of_a_cpu(make: Callable[[], Objective], device: torch.device) -> None:
    """The random numbers are the same; a code differs where rounding decides, and with it those after it."""
    level = sharp(make)
    known = torch.full((BATCH, HEIGHT, WIDTH), UNKNOWN)
    expected = sampled(level, known, 1)
    found = sampled(level.to(device), known.to(device), 1).cpu()
    assert (found[0, 0] == expected[0, 0]).all()
    assert (found == expected).double().mean() >= 0.5
