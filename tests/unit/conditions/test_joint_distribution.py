"""The joint distribution of conditions: sampled by its counts, smoothed, and saved."""

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


def test_samples_follow_the_joint_counts() -> None:
    joint = JointDistribution.measure(SPACE, VALUES)
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
    (table,) = JointDistribution.measure(SPACE, VALUES).tables
    assert table.shape == (3, 11)
    assert table.sum() == pytest.approx(100 * (1 + SMOOTHING))
    np.testing.assert_allclose(table.sum(axis=1) / table.sum(), [0.4, 0.4, 0.2])
    occurs = table.sum(axis=0) > 0
    assert (table[:, occurs] > 0).all()  # also for combinations that no slice has
    assert (table[:, ~occurs] == 0).all()


def test_json_round_trip() -> None:
    joint = JointDistribution.measure(SPACE, VALUES)
    record = json.loads(json.dumps(joint.to_dict()))
    back = JointDistribution.from_dict(record, SPACE)
    np.testing.assert_allclose(back.tables[0], joint.tables[0], rtol=1e-3)
    with pytest.raises(ValueError, match=r"does not fit the conditions label \(AD, NC\)$"):
        JointDistribution.from_dict(record, ConditionSpace(SPACE.conditions[:1]))


def test_too_many_cells_give_a_table_for_each_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint_distribution, "MAX_CELLS", 32)
    joint = JointDistribution.measure(SPACE, VALUES)
    assert [table.shape for table in joint.tables] == [(3,), (11,)]
    drawn = joint.sample(5000, torch.Generator().manual_seed(0))
    assert (drawn.categories["label"] == 0).float().mean() == pytest.approx(0.4, abs=0.03)
    assert drawn.numbers["age"].isnan().float().mean() == pytest.approx(0.2, abs=0.03)


def test_a_constant_number_and_no_conditions() -> None:
    space = ConditionSpace((NumberCondition(name="age", low=5.0, high=5.0, mean=5.0, std=1.0),))
    joint = JointDistribution.measure(space, {"age": np.full(7, 5, np.float32)})
    assert joint.sample(9).numbers["age"].tolist() == [5] * 9
    nothing = JointDistribution.measure(ConditionSpace(), {})
    assert nothing.sample(4).names == ()
    assert nothing.to_dict() == {"tables": []}


def test_a_sample_does_not_depend_on_the_count() -> None:
    joint = JointDistribution.measure(SPACE, VALUES)
    many = joint.sample(50, torch.Generator().manual_seed(2))
    few = joint.sample(7, torch.Generator().manual_seed(2))
    assert torch.equal(many.categories["label"][:7], few.categories["label"])
    torch.testing.assert_close(many.numbers["age"][:7], few.numbers["age"], rtol=0, atol=0, equal_nan=True)


def test_other_conditions_are_sampled_given_a_requested_value() -> None:
    joint = JointDistribution.measure(SPACE, VALUES)
    requested = SPACE.values({"label": "AD"})
    drawn = joint.sample(5000, torch.Generator().manual_seed(0), requested=requested)
    assert (drawn.categories["label"] == 0).all()
    assert (drawn.numbers["age"] >= 84).float().mean() > 0.9
    young = joint.sample(5000, torch.Generator().manual_seed(0), requested=SPACE.values({"age": 24}))
    assert (young.numbers["age"] == 24).all()
    assert (young.categories["label"] == 1).float().mean() > 0.9
    both = joint.sample(3, requested=SPACE.values({"age": "24", "label": "AD"}))
    assert both.numbers["age"].tolist() == [24] * 3
    assert both.categories["label"].tolist() == [0] * 3


def test_a_requested_value_without_counts_does_not_change_the_others() -> None:
    joint = JointDistribution.measure(SPACE, VALUES)
    drawn = joint.sample(20_000, torch.Generator().manual_seed(0), requested=SPACE.values({"age": 60}))
    label = drawn.categories["label"]
    for value, share in ((0, 0.4), (1, 0.4), (2, 0.2)):
        assert (label == value).float().mean() == pytest.approx(share, abs=0.02)


def test_separate_tables_are_independent_of_requested_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joint_distribution, "MAX_CELLS", 32)
    joint = JointDistribution.measure(SPACE, VALUES)
    plain = joint.sample(100, torch.Generator().manual_seed(0))
    asked = joint.sample(100, torch.Generator().manual_seed(0), requested=SPACE.values({"label": "AD"}))
    torch.testing.assert_close(plain.numbers["age"], asked.numbers["age"], rtol=0, atol=0, equal_nan=True)
