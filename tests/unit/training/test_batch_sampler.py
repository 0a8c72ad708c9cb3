"""The samples of a step are a pure function of seed and step, divided over processes."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.training.batch_sampler import DeterministicBatchSampler


def epoch(sampler: DeterministicBatchSampler, number: int = 0) -> np.ndarray:
    steps = range(number * sampler.steps_per_epoch, (number + 1) * sampler.steps_per_epoch)
    return np.concatenate([sampler.indices(step) for step in steps])


def test_an_epoch_has_each_sample_at_most_once() -> None:
    sampler = DeterministicBatchSampler(samples=23, batch_size=5, seed=0)
    assert sampler.steps_per_epoch == 4
    seen = epoch(sampler)
    assert len(seen) == len(set(seen)) == 20
    assert seen.min() >= 0
    assert seen.max() < 23


def test_every_epoch_and_seed_has_another_order() -> None:
    sampler = DeterministicBatchSampler(samples=100, batch_size=10, seed=0)
    assert not np.array_equal(epoch(sampler, 0), epoch(sampler, 1))
    assert not np.array_equal(
        epoch(sampler), epoch(DeterministicBatchSampler(samples=100, batch_size=10, seed=1))
    )


def test_a_step_does_not_depend_on_those_before() -> None:
    first, second = (DeterministicBatchSampler(samples=50, batch_size=8, seed=3) for _ in range(2))
    forward = [first.indices(step) for step in range(20)]
    backward = [second.indices(step) for step in reversed(range(20))][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(forward, backward, strict=True))
    assert np.array_equal(first.augmentation_uniforms(7), second.augmentation_uniforms(7))
    assert not np.array_equal(first.augmentation_uniforms(7), first.augmentation_uniforms(8))


def test_the_shards_of_all_processes_are_the_batch_of_one() -> None:
    one = DeterministicBatchSampler(samples=50, batch_size=12, seed=3)
    three = [
        DeterministicBatchSampler(samples=50, batch_size=4, seed=3, rank=rank, processes=3)
        for rank in range(3)
    ]
    for step in range(9):
        shards = np.concatenate([sampler.indices(step) for sampler in three])
        assert np.array_equal(shards, one.indices(step))
        assert np.array_equal(
            np.concatenate([sampler.augmentation_uniforms(step) for sampler in three]),
            one.augmentation_uniforms(step),
        )
    assert all(sampler.steps_per_epoch == one.steps_per_epoch for sampler in three)


def test_few_samples_repeat_within_a_batch() -> None:
    sampler = DeterministicBatchSampler(samples=3, batch_size=8, seed=0)
    assert sampler.steps_per_epoch == 1
    indices = sampler.indices(0)
    assert len(indices) == 8
    assert np.bincount(indices).tolist().count(0) == 0
    assert np.bincount(indices).max() - np.bincount(indices).min() <= 1


def test_augmentation_uniforms_are_in_the_unit_interval() -> None:
    augmentation_uniforms = DeterministicBatchSampler(
        samples=3, batch_size=1000, seed=0
    ).augmentation_uniforms(0)
    assert augmentation_uniforms.min() >= 0
    assert augmentation_uniforms.max() < 1
    assert augmentation_uniforms.mean() == pytest.approx(0.5, abs=0.05)


def test_no_sample() -> None:
    with pytest.raises(ValueError, match="no training sample"):
        DeterministicBatchSampler(samples=0, batch_size=8, seed=0)
