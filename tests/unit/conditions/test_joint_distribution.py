"""The joint distribution of conditions: drawn as counted, smoothed, and without anybody's row."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from scanvq.conditions import joint_distribution
from scanvq.conditions.joint_distribution import SMOOTHING, JointDistribution
from scanvq.conditions.space import CategoryCondition, ConditionSpace, NumberCondition

SPACE = ConditionSpace(
    (
        CategoryCondition(name="label", values=("AD", "NC")),
        NumberCondition(name="age", low=20.0, high=100.0, mean=60.0, std=20.0),
    )
)
AGES = np.array([90, 100, 20, 28, np.nan], np.float32).repeat(20)
VALUES = {"label": np.array([0, 0, 1, 1, 2]).repeat(20), "age": AGES}


def test_what_occurs_together_is_drawn_together() -> None:
    joint = JointDistribution.measured(SPACE, VALUES)
    drawn = joint.sample(20_000, torch.Generator().manual_seed(0))
    label, age = drawn.categories["label"], drawn.numbers["age"]
    assert age.dtype == torch.float32
    assert ((age >= 20) & (age <= 100) | age.isnan()).all()
    for value, share in ((0, 0.4), (1, 0.4), (2, 0.2)):
        assert (label == value).float().mean() == pytest.approx(share, abs=0.02)
    of_old, of_young = age[label == 0], age[label == 1]
    assert (of_old >= 84).float().mean() > 0.9
    assert (of_young <= 36).float().mean() > 0.9
    assert age[label == 2].isnan().float().mean() > 0.9
    assert age[~age.isnan()].unique().numel() > 1000  # any value of a bin
    again = joint.sample(20_000, torch.Generator().manual_seed(0))
    assert torch.equal(again.categories["label"], label)


def test_counts_are_smoothed_and_keep_their_marginals() -> None:
    (table,) = JointDistribution.measured(SPACE, VALUES).tables
    assert table.shape == (3, 11)
    assert table.sum() == pytest.approx(100 * (1 + SMOOTHING))
    np.testing.assert_allclose(table.sum(axis=1) / table.sum(), [0.4, 0.4, 0.2])
    occurs = table.sum(axis=0) > 0
    assert (table[:, occurs] > 0).all()  # of what no slice has, too
    assert (table[:, ~occurs] == 0).all()


def test_it_comes_back_from_json() -> None:
    joint = JointDistribution.measured(SPACE, VALUES)
    record = json.loads(json.dumps(joint.to_dict()))
    back = JointDistribution.from_dict(record, SPACE)
    np.testing.assert_allclose(back.tables[0], joint.tables[0], rtol=1e-3)
    with pytest.raises(ValueError, match=r"not one of label \(AD, NC\)$"):
        JointDistribution.from_dict(record, ConditionSpace(SPACE.conditions[:1]))


def test_too_many_cells_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint_distribution, "MOST_CELLS", 32)
    joint = JointDistribution.measured(SPACE, VALUES)
    assert [table.shape for table in joint.tables] == [(3,), (11,)]
    drawn = joint.sample(5000, torch.Generator().manual_seed(0))
    assert (drawn.categories["label"] == 0).float().mean() == pytest.approx(0.4, abs=0.03)
    assert drawn.numbers["age"].isnan().float().mean() == pytest.approx(0.2, abs=0.03)


def test_one_value_and_no_conditions() -> None:
    space = ConditionSpace((NumberCondition(name="age", low=5.0, high=5.0, mean=5.0, std=1.0),))
    joint = JointDistribution.measured(space, {"age": np.full(7, 5, np.float32)})
    assert joint.sample(9).numbers["age"].tolist() == [5] * 9
    nothing = JointDistribution.measured(ConditionSpace(), {})
    assert nothing.sample(4).names == ()
    assert nothing.to_dict() == {"tables": []}
