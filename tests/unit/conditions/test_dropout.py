"""Condition dropout: independent for each condition; labels alone use a single random tensor."""

from __future__ import annotations

import pytest
import torch

from scanvq.conditions.condition import Condition
from scanvq.conditions.dropout import drop_conditions, hide_conditions
from scanvq.conditions.space import CategoryCondition, ConditionSpace, NumberCondition

SPACE = ConditionSpace(
    (
        CategoryCondition(name="label", values=("AD", "NC")),
        NumberCondition(name="age", low=20.0, high=90.0, mean=60.0, std=10.0),
        CategoryCondition(name="sex", values=("F", "M")),
    )
)


def batch(count: int) -> Condition:
    zeros = torch.zeros(count, dtype=torch.int64)
    return Condition(categories={"label": zeros, "sex": zeros}, numbers={"age": torch.full((count,), 50.0)})


def test_each_condition_is_dropped_independently() -> None:
    many = batch(4000)
    dropped = drop_conditions(many, SPACE, 0.25, torch.Generator().manual_seed(0))
    label, sex = dropped.categories["label"] == 2, dropped.categories["sex"] == 2
    age = dropped.numbers["age"].isnan()
    for hidden in (label, sex, age):
        assert hidden.float().mean() == pytest.approx(0.25, abs=0.03)
    for one, other in ((label, sex), (label, age), (sex, age)):
        assert (one & other).float().mean() == pytest.approx(0.25**2, abs=0.02)
    assert drop_conditions(many, SPACE, 0.0) is many
    assert drop_conditions(many, SPACE, 1.0).numbers["age"].isnan().all()


def test_labels_alone_are_dropped_by_a_single_random_tensor() -> None:
    space, labels = ConditionSpace.of_labels(("AD", "NC")), torch.tensor([0, 1] * 20)
    torch.manual_seed(3)
    expected, after = torch.where(torch.rand(40) < 0.4, 2, labels), torch.rand(1)
    torch.manual_seed(3)
    dropped = drop_conditions(Condition(label=labels), space, 0.4).label
    assert dropped is not None
    assert torch.equal(dropped, expected)
    assert torch.equal(torch.rand(1), after)


def test_absent_conditions_use_no_random_numbers_and_unknown_ones_are_unchanged() -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    nothing = drop_conditions(Condition(), SPACE, 0.5)
    assert nothing.names == ()
    other = Condition(categories={"scanner": torch.tensor([1, 2])})
    assert drop_conditions(other, SPACE, 1.0).categories["scanner"].tolist() == [1, 2]
    assert torch.equal(torch.random.get_rng_state(), before)


def test_selected_values_are_hidden() -> None:
    hidden = torch.tensor([[True, False], [False, True], [False, False]])  # label, age, sex
    shown = hide_conditions(batch(2), SPACE, hidden)
    assert shown.categories["label"].tolist() == [2, 0]
    assert shown.numbers["age"].isnan().tolist() == [False, True]
    assert shown.categories["sex"].tolist() == [0, 0]
