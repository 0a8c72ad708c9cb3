"""Samples depend on the seed and their index alone."""

from __future__ import annotations

import pytest
import torch

from scanvq.conditions.condition import Condition
from scanvq.model import sample
from scanvq.model.sample import fill_codes, sample_codes
from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.types import UNKNOWN, SamplingParams

CPU = torch.device("cpu")
SHAPES = ((4, 6),)


def drawn(
    prior: HierarchicalPrior, count: int, *, condition: Condition | None = None, seed: int = 3
) -> torch.Tensor:
    return sample_codes(
        prior, SHAPES, count, condition=condition, params=SamplingParams(), seed=seed, device=CPU
    )[0]


def test_a_sample_does_not_depend_on_the_count(prior: HierarchicalPrior) -> None:
    many = drawn(prior, 20)
    assert many.shape == (20, 4, 6)
    assert torch.equal(drawn(prior, 5), many[:5])
    assert torch.equal(drawn(prior, 17), many[:17])
    assert not torch.equal(drawn(prior, 20, seed=4), many)


def test_a_sample_does_not_depend_on_the_chunks(
    prior: HierarchicalPrior, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = drawn(prior, 7)
    monkeypatch.setattr(sample, "BATCH", 3)
    assert torch.equal(drawn(prior, 7), whole)


def test_chunks_of_a_hierarchical_prior_match_too(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    levels = [
        GatedPixelCNN(
            channels=8, dilations=(1,), embedding_dim=4, codebook_size=5, context_sizes=(5,) * number
        )
        for number in range(2)
    ]
    hierarchy = HierarchicalPrior(levels=levels).eval()  # type: ignore[arg-type]
    asked = {"condition": None, "params": SamplingParams(), "seed": 0, "device": CPU}
    whole = sample_codes(hierarchy, ((2, 3), (4, 6)), 5, **asked)  # type: ignore[arg-type]
    monkeypatch.setattr(sample, "BATCH", 2)
    parts = sample_codes(hierarchy, ((2, 3), (4, 6)), 5, **asked)  # type: ignore[arg-type]
    assert all(torch.equal(one, other) for one, other in zip(whole, parts, strict=True))


def test_a_watcher_sees_every_sample_grow_and_can_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    levels = [
        GatedPixelCNN(channels=8, dilations=(1,), embedding_dim=4, codebook_size=5, context_sizes=context)
        for context in ((), (5,))
    ]
    hierarchy = HierarchicalPrior(levels=levels).eval()  # type: ignore[arg-type]
    asked = {"condition": None, "params": SamplingParams(), "seed": 0, "device": CPU}
    shapes = ((2, 3), (4, 6))
    whole = sample_codes(hierarchy, shapes, 5, **asked)  # type: ignore[arg-type]
    monkeypatch.setattr(sample, "BATCH", 3)
    seen: list[tuple[torch.Tensor, ...]] = []
    watched = sample_codes(hierarchy, shapes, 5, **asked, watch=seen.append)  # type: ignore[arg-type]
    assert all(torch.equal(one, other) for one, other in zip(whole, watched, strict=True))
    assert len(seen) == 2 * (2 + 4)  # two batches, rows of both levels
    for codes in seen:
        for level, end in zip(codes, whole, strict=True):
            assert level.shape == end.shape
            assert torch.equal(level[level != UNKNOWN], end[level != UNKNOWN])
    known = [sum(int((level != UNKNOWN).sum()) for level in codes) for codes in seen]
    assert known == sorted(set(known))
    assert known[-1] == 5 * (6 + 24)

    def stop(codes: tuple[torch.Tensor, ...]) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        sample_codes(hierarchy, shapes, 5, **asked, watch=stop)  # type: ignore[arg-type]


def test_a_condition_is_passed_on(prior: HierarchicalPrior) -> None:
    labels = [None if number is None else torch.full((4,), number) for number in (0, 1, None, 2)]
    samples = [drawn(prior, 4, condition=Condition(label=label)) for label in labels]
    assert not torch.equal(samples[0], samples[1])
    assert torch.equal(samples[2], samples[3])  # the number after the last is absent


def test_each_sample_of_every_chunk_has_its_own_condition(
    prior: HierarchicalPrior, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = torch.tensor([0, 1, 1, 0, 1, 0, 2])
    whole = drawn(prior, 7, condition=Condition(label=labels))
    for number in range(3):
        alike = drawn(prior, 7, condition=Condition(label=torch.full((7,), number)))
        assert torch.equal(whole[labels == number], alike[labels == number])
    monkeypatch.setattr(sample, "BATCH", 3)
    assert torch.equal(drawn(prior, 7, condition=Condition(label=labels)), whole)


def test_known_codes_stay_unchanged(prior: HierarchicalPrior) -> None:
    known = drawn(prior, 3)
    known[:, 1:3, 2:5] = UNKNOWN
    (filled,) = fill_codes(prior, (known,), condition=None, params=SamplingParams(), seed=0, device=CPU)
    assert torch.equal(filled[known != UNKNOWN], known[known != UNKNOWN])
    assert (filled >= 0).all()


def test_progress_counts_samples(prior: HierarchicalPrior, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "BATCH", 3)
    reported: list[tuple[int, int]] = []
    known = (torch.full((7, 2, 2), UNKNOWN),)
    fill_codes(
        prior,
        known,
        condition=None,
        params=SamplingParams(),
        seed=0,
        device=CPU,
        progress=lambda *now: reported.append(now),
    )
    assert reported == [(3, 7), (6, 7), (7, 7)]
