"""Masked cells alone carry the loss; masks are random in training and fixed in evaluation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import NO_CONDITIONS, ConditionSpace
from scanvq.objectives.masked_codes import MaskedCodes
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.maskgit import MaskGIT
from scanvq.types import UNKNOWN, Batch, Losses

LABELS = ConditionSpace.of_labels(("AD", "NC"))

K = 6
SHAPES = ((3, 4), (6, 8))


class Watched(MaskGIT):
    """Writes down what it is asked and what it says."""

    def logits(self, codes: Tensor, **given: object) -> Tensor:  # type: ignore[override]
        logits = super().logits(codes, **given)  # type: ignore[arg-type]
        self.seen.append((codes, logits.detach(), given))
        return logits


def objective(
    *, levels: int = 1, conditions: ConditionSpace = NO_CONDITIONS, **settings: float
) -> MaskedCodes:
    torch.manual_seed(0)
    networks = []
    for level in range(levels):
        one = Watched(
            channels=16,
            layers=1,
            heads=2,
            dropout=0.0,
            codebook_size=K,
            conditions=conditions,
            context_sizes=(K,) * level,
            height=SHAPES[level][0],
            width=SHAPES[level][1],
        )
        for parameter in one.parameters():
            torch.nn.init.normal_(parameter, 0, 0.4)
        one.seen = []  # type: ignore[assignment]
        networks.append(one)
    return MaskedCodes(prior=HierarchicalPrior(levels=networks), **settings)  # type: ignore[arg-type]


def batch(images: int = 5, *, levels: int = 1, labels: Tensor | None = None) -> Batch:
    generator = torch.Generator().manual_seed(1)
    codes = tuple(torch.randint(K, (images, *SHAPES[level]), generator=generator) for level in range(levels))
    return Batch(codes=codes, condition=Condition(label=labels))


def turn(one: MaskedCodes, given: Batch) -> tuple[Losses, list[tuple[Tensor, Tensor, dict[str, Tensor]]]]:
    """The losses, and of each level what it was asked, what it said, and what else it was given."""
    for level in one.prior.priors:
        level.seen.clear()  # type: ignore[operator, union-attr]
    losses = one(given, "prior", 0)
    return losses, [level.seen[0] for level in one.prior.priors]  # type: ignore[index]


def brute_force(asked: Tensor, logits: Tensor, codes: Tensor) -> tuple[list[float], list[float]]:
    """-log2 p of each masked code, and the mean of -log2 p over all K codes there, cell by cell."""
    true, mean = [], []
    for image, row, column in np.ndindex(*codes.shape):
        if asked[image, row, column] == UNKNOWN:
            scores = logits[image, :, row, column].double().numpy()
            bits = -(scores - scores.max() - np.log(np.exp(scores - scores.max()).sum())) / np.log(2)
            true.append(float(bits[codes[image, row, column]]))
            mean.append(float(bits.mean()))
    return true, mean


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("training", [True, False])
def test_the_loss_is_the_mean_over_masked_cells(smoothing: float, levels: int, training: bool) -> None:
    one, given = objective(levels=levels, label_smoothing=smoothing).train(training), batch(levels=levels)
    losses, seen = turn(one, given)
    assert given.codes is not None
    true: list[float] = []
    mean: list[float] = []
    for level, ((asked, logits, _), codes) in enumerate(zip(seen, given.codes, strict=True)):
        assert torch.equal(asked[asked != UNKNOWN], codes[asked != UNKNOWN])
        own_true, own_mean = brute_force(asked, logits, codes)
        if levels > 1:
            bits = losses.parts[f"bits_per_masked_code_{level}"]
            assert bits.item() == pytest.approx(np.mean(own_true), rel=1e-5)
        true, mean = true + own_true, mean + own_mean
    assert losses.parts["bits_per_masked_code"].item() == pytest.approx(np.mean(true), rel=1e-5)
    expected = (1 - smoothing) * np.mean(true) + smoothing * np.mean(mean)
    assert losses.total.item() == pytest.approx(expected, rel=1e-5)


def test_smoothing_is_that_of_pytorch() -> None:
    one, given = objective(label_smoothing=0.3), batch()
    losses, ((asked, logits, _),) = turn(one, given)
    assert given.codes is not None
    masked = asked == UNKNOWN
    nats = torch.nn.functional.cross_entropy(
        logits.movedim(1, -1)[masked], given.codes[0][masked], label_smoothing=0.3
    )
    assert losses.total.item() == pytest.approx(nats.item() / math.log(2), rel=1e-5)


def test_a_finer_level_sees_all_of_the_coarser_one() -> None:
    given = batch(levels=2)
    _, ((_, _, above), (_, _, below)) = turn(objective(levels=2), given)
    assert given.codes is not None
    assert above["context"] == ()
    (coarse,) = below["context"]
    assert torch.equal(coarse, given.codes[0])


def test_shares_of_masked_cells_follow_the_cosine_of_a_uniform_number() -> None:
    """Of n cells m are masked as often as ceil(n cos(pi u / 2)) is m, and no place more than another."""
    images, cells = 20_000, 12
    torch.manual_seed(2)
    one = objective()
    _, ((asked, _, _),) = turn(one, batch(images))
    masked = (asked == UNKNOWN).flatten(1)
    counts = masked.sum(dim=1).bincount(minlength=cells + 1)
    assert counts[0] == 0
    for count in range(1, cells + 1):
        share = 2 / math.pi * (math.acos((count - 1) / cells) - math.acos(count / cells))
        deviation = math.sqrt(share * (1 - share) / images)
        assert counts[count].item() / images == pytest.approx(share, abs=4 * deviation)
    places = masked.float().mean(dim=0)
    assert places.max() - places.min() < 8 * 0.5 / math.sqrt(images)


def test_masks_come_from_the_seed_of_the_step() -> None:
    one, given = objective(), batch()
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        _, ((asked, _, _),) = turn(one, given)
        masks.append(asked == UNKNOWN)
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_evaluation_has_the_same_masks_of_many_sizes_every_time() -> None:
    one, given = objective(levels=2).eval(), batch(16, levels=2)
    masks = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        _, seen = turn(one, given)
        masks.append([asked == UNKNOWN for asked, _, _ in seen])
    assert all(torch.equal(first, second) for first, second in zip(*masks, strict=True))
    sizes = masks[0][1].flatten(1).sum(dim=1).tolist()
    assert len(set(sizes)) > 10
    assert np.mean(sizes) / 48 == pytest.approx(2 / math.pi, abs=0.05)  # the mean of the cosine
    first_few = turn(one, Batch(codes=tuple(level[:3] for level in given.codes or ())))[1]
    assert torch.equal(first_few[0][0] == UNKNOWN, masks[0][0][:3])


def test_labels_are_hidden_in_training_only() -> None:
    labels = torch.zeros(400, dtype=torch.int64)
    one, given = objective(conditions=LABELS, condition_dropout=0.25), batch(400, labels=labels)
    shown = [turn(one.train(training), given)[1][0][2]["condition"].label for training in (True, False)]
    assert set(shown[0].tolist()) == {0, 2}
    assert (shown[0] == 2).float().mean().item() == pytest.approx(0.25, abs=0.09)
    assert torch.equal(shown[1], labels)
