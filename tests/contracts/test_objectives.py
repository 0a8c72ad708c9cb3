"""The contract of every objective in the build table."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest
import torch

from scanvq.build import TABLES
from scanvq.conditions.condition import Condition
from scanvq.conditions.space import NO_CONDITIONS, ConditionSpace
from scanvq.decoders.natural import NaturalDecoder
from scanvq.objectives.adversarial_codes import AdversarialCodes
from scanvq.objectives.masked_codes import MaskedCodes
from scanvq.objectives.natural_images import NaturalImages
from scanvq.objectives.next_code import NextCode
from scanvq.objectives.reconstruct import Reconstruct
from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.latent_gan import LatentGAN
from scanvq.priors.maskgit import MaskGIT
from scanvq.quantizers import MovingAverageQuantizer, NearestQuantizer
from scanvq.tokenizers import VQVAE
from scanvq.types import Batch, Objective, Quantizer

LABELS = ConditionSpace.of_labels(("AD", "NC"))

K = 8


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tokenizer(quantizer: Quantizer) -> VQVAE:
    return VQVAE(quantizer=quantizer, channels=(8, 8), norm="batch", residual_channels=4)


def natural_images(trained: VQVAE) -> NaturalImages:
    return NaturalImages(decoder=NaturalDecoder(tokenizer=trained), faithful=trained)


def prior(
    *, levels: int = 1, conditions: ConditionSpace = NO_CONDITIONS, dropout: float = 0.2
) -> HierarchicalPrior:
    return HierarchicalPrior(
        levels=[
            GatedPixelCNN(
                channels=8,
                dilations=(1, 2),
                embedding_dim=4,
                dropout=dropout,
                codebook_size=K,
                conditions=conditions,
                context_sizes=(K,) * level,
            )
            for level in range(levels)
        ]
    )


def gan(*, conditions: ConditionSpace = NO_CONDITIONS) -> HierarchicalPrior:
    sizes = {"codebook_size": K, "code_dim": 4, "height": 4, "width": 3}
    one = LatentGAN(noise_dim=8, channels=8, discriminator_channels=8, conditions=conditions, **sizes)
    one.set_codebook(torch.randn(K, 4, generator=seeded(5)))
    return HierarchicalPrior(levels=[one])


def masked(
    *, levels: int = 1, conditions: ConditionSpace = NO_CONDITIONS, dropout: float = 0.0
) -> HierarchicalPrior:
    return HierarchicalPrior(
        levels=[
            MaskGIT(
                channels=16,
                layers=2,
                heads=2,
                dropout=dropout,
                codebook_size=K,
                conditions=conditions,
                context_sizes=(K,) * level,
                height=4 * (level + 1),
                width=3 * (level + 1),
            )
            for level in range(levels)
        ]
    )


def image_batch() -> Batch:
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 32), torch.linspace(-1, 1, 16), indexing="ij")
    widths = torch.rand(4, 1, 1, 1, generator=seeded()) + 0.2
    return Batch(images=torch.exp(-(rows**2 + columns**2) / widths))


def code_batch(levels: int = 1, conditions: ConditionSpace = NO_CONDITIONS) -> Batch:
    labels = torch.arange(4) % 2 if conditions.names else None
    codes = tuple(
        torch.randint(3, (4, 4 * (level + 1), 3 * (level + 1)), generator=seeded(level))
        for level in range(levels)
    )
    return Batch(codes=codes, condition=Condition(label=labels))


def coded_image_batch() -> Batch:
    codes = torch.randint(K, (4, 8, 4), generator=seeded(7))
    return Batch(images=image_batch().images, codes=(codes,))


Case = tuple[Callable[[], Objective], Callable[[], Batch]]
CASES: dict[str, Case] = {
    "reconstruct, all losses": (
        lambda: Reconstruct(
            tokenizer=tokenizer(NearestQuantizer(codebook_size=K, code_dim=4)),
            variance=0.1,
            mse=1.0,
            mse_over_variance=1.0,
            l1=1.0,
            bce=1.0,
            ssim=1.0,
        ),
        image_batch,
    ),
    "reconstruct, one loss": (
        lambda: Reconstruct(tokenizer=tokenizer(MovingAverageQuantizer(codebook_size=K, code_dim=4)), l1=1.0),
        image_batch,
    ),
    "next_code": (lambda: NextCode(prior=prior(), condition_dropout=0.0), code_batch),
    "next_code, two levels with labels": (
        lambda: NextCode(prior=prior(levels=2, conditions=LABELS), condition_dropout=0.5),
        lambda: code_batch(2, LABELS),
    ),
    "masked_codes": (lambda: MaskedCodes(prior=masked(), condition_dropout=0.0), code_batch),
    "masked_codes, two levels with labels": (
        lambda: MaskedCodes(
            prior=masked(levels=2, conditions=LABELS, dropout=0.1), label_smoothing=0.1, condition_dropout=0.5
        ),
        lambda: code_batch(2, LABELS),
    ),
    "natural_images": (
        lambda: natural_images(tokenizer(NearestQuantizer(codebook_size=K, code_dim=4)).eval()),
        coded_image_batch,
    ),
    "adversarial_codes": (lambda: AdversarialCodes(prior=gan()), code_batch),
    "adversarial_codes, with labels": (
        lambda: AdversarialCodes(prior=gan(conditions=LABELS), label_smoothing=0.1, condition_dropout=0.5),
        lambda: code_batch(1, LABELS),
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Objective, Batch]:
    torch.manual_seed(0)
    objective, batch = CASES[request.param]
    return objective(), batch()


def test_every_objective_of_the_table_is_here() -> None:
    assert {name.split(",")[0] for name in CASES} == set(TABLES[Objective])


def test_every_parameter_belongs_to_a_single_player(case: tuple[Objective, Batch]) -> None:
    objective, _ = case
    players = {player: {id(one) for one in parameters} for player, parameters in objective.players.items()}
    assert all(not first & second for first, second in combinations(players.values(), 2))
    assert set().union(*players.values()) == {id(one) for one in objective.parameters()}


def test_parameters_get_gradients_in_their_own_turn_only(case: tuple[Objective, Batch]) -> None:
    objective, batch = case
    for turn in objective.players:
        objective.zero_grad(set_to_none=True)
        objective(batch, turn, 0).total.backward()
        for player, parameters in objective.players.items():
            for parameter in parameters:
                assert (parameter.grad is not None) == (player == turn)
                assert parameter.grad is None or torch.isfinite(parameter.grad).all()


def test_each_player_s_loss_falls_in_20_steps_if_the_others_are_fixed(
    case: tuple[Objective, Batch],
) -> None:
    objective, batch = case
    for player, parameters in objective.players.items():
        optimizer = torch.optim.Adam(parameters, lr=3e-3)
        losses = []
        for step in range(20):
            optimizer.zero_grad()
            total = objective(batch, player, step).total
            total.backward()
            optimizer.step()
            losses.append(total.item())
        assert sum(losses[-3:]) / 3 < 0.9 * losses[0]


def test_evaluation_is_deterministic_and_changes_nothing(case: tuple[Objective, Batch]) -> None:
    objective, batch = case
    for player in objective.players:
        objective(batch, player, 0)  # a codebook starts from its first batch
    objective.eval()
    before = {name: value.clone() for name, value in objective.state_dict().items()}
    for player in objective.players:
        torch.manual_seed(1)
        first = objective(batch, player, 0)
        torch.manual_seed(2)
        second = objective(batch, player, 7)
        assert torch.equal(first.total, second.total)
        assert all(torch.equal(value, second.parts[name]) for name, value in first.parts.items())
    assert all(torch.equal(value, before[name]) for name, value in objective.state_dict().items())


def test_parts_are_for_the_log(case: tuple[Objective, Batch]) -> None:
    objective, batch = case
    for player in objective.players:
        losses = objective(batch, player, 0)
        name = "loss" if len(objective.players) == 1 else f"{player}_loss"
        assert losses.total.requires_grad
        assert torch.equal(losses.parts[name], losses.total.detach())
        assert all(part.ndim == 0 and not part.requires_grad for part in losses.parts.values())


def test_losses_are_single_precision_under_autocast(case: tuple[Objective, Batch]) -> None:
    objective, batch = case
    for player in objective.players:
        with torch.autocast("cpu", torch.bfloat16):
            losses = objective(batch, player, 0)
        assert losses.total.dtype == torch.float32
        losses.total.backward()


def test_every_code_of_a_batch_is_counted() -> None:
    objective, batch = CASES["reconstruct, one loss"]
    (counts,) = objective()(batch(), "tokenizer", 0).counts
    assert counts.shape == (K,)
    assert counts.sum() == 4 * 8 * 4


def test_reconstruction_losses_have_their_weights() -> None:
    torch.manual_seed(0)
    network = tokenizer(NearestQuantizer(codebook_size=K, code_dim=4)).eval()
    given = image_batch()
    assert given.images is not None
    result = network(given.images)
    error = (result.images - given.images).square().mean()
    objective = Reconstruct(tokenizer=network, variance=0.25, mse=2.0, mse_over_variance=3.0)
    total = objective(given, "tokenizer", 0).total
    torch.testing.assert_close(total, (2 + 3 / 0.25) * error + sum(result.losses.values()))


def test_a_reconstruction_without_a_loss() -> None:
    with pytest.raises(ValueError, match="every reconstruction weight is 0; set one of mse"):
        Reconstruct(tokenizer=tokenizer(NearestQuantizer()))


def test_the_criterion_is_a_part_of_the_losses(case: tuple[Objective, Batch]) -> None:
    objective, batch = case
    if objective.criterion is not None:
        assert objective.criterion in objective(batch, next(iter(objective.players)), 0).parts


@pytest.mark.parametrize(
    ("objective", "network", "message"),
    [
        (NextCode, masked, r"next_code trains priors with a likelihood, but prior has MaskGIT; set"),
        (NextCode, gan, r"but prior has LatentGAN"),
        (MaskedCodes, prior, r"trains masked priors, but prior has GatedPixelCNN; set prior.kind"),
        (AdversarialCodes, masked, r"an adversarial prior, but prior has MaskGIT"),
    ],
)
def test_a_prior_of_another_kind_is_refused(
    objective: Callable[..., Objective], network: Callable[[], HierarchicalPrior], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        objective(prior=network())


def test_hidden_labels_train_any_class() -> None:
    """With every label hidden, labels make no difference in training, and do in evaluation."""
    torch.manual_seed(0)
    objective = NextCode(prior=prior(conditions=LABELS, dropout=0.0), condition_dropout=1.0)
    (codes,) = code_batch().codes or ()
    zeros, ones = (
        Batch(codes=(codes,), condition=Condition(label=torch.full((4,), label))) for label in (0, 1)
    )
    assert torch.equal(objective(zeros, "prior", 0).total, objective(ones, "prior", 0).total)
    objective.eval()
    assert not torch.equal(objective(zeros, "prior", 0).total, objective(ones, "prior", 0).total)


def test_the_codes_of_all_levels_have_equal_weight() -> None:
    torch.manual_seed(0)
    network = prior(levels=2).eval()
    batch = code_batch(2)
    assert batch.codes is not None
    bits = NextCode(prior=network).eval()(batch, "prior", 0).total
    cells = sum(level[0].numel() for level in batch.codes)
    torch.testing.assert_close(bits.double(), network.bits(batch.codes).mean() / cells)
