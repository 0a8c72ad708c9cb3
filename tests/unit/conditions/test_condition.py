"""Condition values of a batch, and the space that requested values are parsed in."""

from __future__ import annotations

import json
import math

import pytest
import torch

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import CategoryCondition, ConditionSpace, NumberCondition

SPACE = ConditionSpace(
    (
        CategoryCondition(name="label", values=("AD", "NC")),
        NumberCondition(name="age", low=18.0, high=96.0, mean=60.0, std=12.0),
    )
)


def test_integers_are_categories_and_floats_are_numbers() -> None:
    condition = Condition.of({"age": torch.tensor([70.0, math.nan]), "sex": torch.tensor([0, 2])})
    assert condition.names == ("sex", "age")
    assert condition.label is None
    assert condition.categories["sex"].tolist() == [0, 2]
    assert condition.numbers["age"][0] == 70
    assert Condition(label=torch.tensor([1])).label is not None


def test_selection_of_samples_and_removal_of_a_condition() -> None:
    condition = Condition(label=torch.tensor([0, 1, 2]), numbers={"age": torch.tensor([1.0, 2.0, 3.0])})
    assert condition[:2].numbers["age"].tolist() == [1, 2]
    last = condition[torch.tensor([2])].label
    assert last is not None
    assert last.tolist() == [2]
    assert condition.without("label").names == ("age",)
    assert condition.without("age").names == ("label",)
    assert condition.to("meta").numbers["age"].device.type == "meta"


def test_tensors_of_another_type_or_length_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"condition label is torch\.float32 \(1,\); it must be torch\.int64"
    ):
        Condition(label=torch.ones(1))
    with pytest.raises(ValueError, match=r"a is torch\.int64 \(2, 1\)"):
        Condition.of({"a": torch.zeros(2, 1, dtype=torch.int64)})
    with pytest.raises(ValueError, match="conditions differ in length: label 1, age 2"):
        Condition(label=torch.zeros(1, dtype=torch.int64), numbers={"age": torch.ones(2)})


def test_a_space_round_trips_through_json() -> None:
    assert ConditionSpace.from_dict(json.loads(json.dumps(SPACE.to_dict()))) == SPACE
    assert SPACE.labels == ("AD", "NC")
    assert str(SPACE) == "label (AD, NC), age (18 to 96)"
    assert ConditionSpace.of_labels(()) == ConditionSpace()
    with pytest.raises(ValueError, match="may occur only once"):
        ConditionSpace(SPACE.conditions + SPACE.conditions[:1])


def test_requested_values_are_parsed() -> None:
    condition = SPACE.parse({"age": "70", "label": "NC"}, 3)
    assert condition.numbers["age"].tolist() == [70, 70, 70]
    assert condition.categories["label"].tolist() == [1, 1, 1]
    assert SPACE.parse({}, 3).names == ()
    third = NumberCondition(name="age", low=float(torch.tensor(0.1)), high=1.0, mean=0.5, std=0.2)
    assert third.value_of("0.1") == 0.1  # as low as the lowest, which was kept as float32


@pytest.mark.parametrize(
    ("requested", "message"),
    [
        ({"sex": "M"}, r"sex is not a condition of this run; .* label \(AD, NC\), age \(18 to 96\)"),
        ({"label": "MCI"}, "label is 'MCI'; use one of AD, NC"),
        ({"age": "old"}, "age is 'old'; use a number from 18 to 96"),
        ({"age": "nan"}, "age is 'nan'; use a number from 18 to 96"),
        ({"age": "97"}, "age is '97'; use a number from 18 to 96"),
    ],
)
def test_unknown_conditions_and_values_raise_with_the_known_ones(
    requested: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        SPACE.parse(requested, 1)


def test_a_condition_is_checked() -> None:
    SPACE.check(None)
    SPACE.check(SPACE.parse({"age": "70"}, 2))
    SPACE.check(Condition(label=torch.tensor([0, 2])))
    with pytest.raises(ValueError, match="0 to 2"):
        SPACE.check(Condition(label=torch.tensor([3])))
    with pytest.raises(ValueError, match="sex: not a condition of this prior"):
        SPACE.check(Condition(categories={"sex": torch.tensor([0])}))
