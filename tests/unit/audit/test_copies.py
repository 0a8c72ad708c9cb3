"""Planted copies are found, whatever their disguise; new people are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.audit.auditor import Auditor
from scanvq.audit.disguises import DISGUISES
from scanvq.audit.evidence import SPACES, HeldOutEvidence
from scanvq.metrics.auc import auc_within_folds
from scanvq.metrics.false_alarms import chance_of_copies
from tests.unit.audit.conftest import HELD_OUT, codes_of, decoded

PLANTED = 8


def area(planted: np.ndarray, innocent: np.ndarray) -> float:
    folds, others = np.zeros(len(planted), int), np.zeros(len(innocent), int)
    return auc_within_folds(planted, innocent, folds=folds, other_folds=others)


@pytest.mark.parametrize("disguise", [*DISGUISES, "through the tokenizer"])
def test_copies_are_found(
    disguise: str, auditor: Auditor, held_out: HeldOutEvidence, held_out_images: dict[str, np.ndarray]
) -> None:
    random = np.random.default_rng(0)
    chosen = np.arange(PLANTED) * 5
    originals = auditor.training.read(chosen)
    change = DISGUISES.get(disguise, lambda images, random: decoded(images))
    images = change(originals, random)
    found = list(auditor.find(images, codes_of(images)))
    evidence = {space: np.array([one.evidence()[space] for one in found]) for space in SPACES}
    assert [one.neighbors.training.row for one in found] == chosen.tolist()
    assert area(held_out.strength(evidence), held_out.strength(held_out_images)) > 0.99
    assert (held_out.p_values(evidence)["all"] <= 0.01).mean() > 0.9
    if disguise == "mirrored":
        assert all(one.neighbors.training.mirrored for one in found)
    if disguise == "exact":
        assert min(one.neighbors.training.correlation for one in found) > 0.999
        assert [auditor.code_row(one.match) for one in found] == chosen.tolist()


def test_a_shift_is_measured(auditor: Auditor) -> None:
    image = auditor.training.read(np.array([7]))
    moved = np.roll(image, (3, -4), axis=(1, 2))
    (found,) = auditor.find(moved, codes_of(moved))
    assert found.neighbors.training.row == 7
    assert np.abs(np.array(found.neighbors.training.shift)) == pytest.approx([3, 4], abs=0.5)


def test_new_people_alarm_as_stated(auditor: Auditor, held_out_images: dict[str, np.ndarray]) -> None:
    people = auditor.held_out.people
    random = np.random.default_rng(0)
    rates = []
    for _ in range(100):
        known = np.isin(people, random.permutation(people)[: HELD_OUT // 2])
        law = HeldOutEvidence.by_person(
            {name: values[known] for name, values in held_out_images.items()}, people[known]
        )
        others = {name: values[~known] for name, values in held_out_images.items()}
        rates.append((law.p_values(others)["all"] <= 0.05 + 1e-9).mean())
    mean, low, high = chance_of_copies(0.05, held_out=HELD_OUT // 2, samples=HELD_OUT // 2)
    assert low <= np.mean(rates) <= high
    assert np.mean(rates) == pytest.approx(mean, abs=0.015)


def test_several_images_of_a_person_count_once() -> None:
    images = {name: np.arange(6.0) for name in (*SPACES, "block_sides", "top_shares")}
    law = HeldOutEvidence.by_person(images, np.array([4, 9, 4, 9, 9, 2]))
    assert law.people == 3
    np.testing.assert_array_equal(law.values["pixels"], [5, 2, 4])
