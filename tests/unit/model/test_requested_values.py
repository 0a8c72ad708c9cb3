"""Requested condition values, and sampling of the conditions that are not requested."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scanvq.conditions.joint_distribution import JointDistribution
from scanvq.conditions.space import CategoryCondition, ConditionSpace, NumberCondition
from scanvq.model.headers import JointCounts, PriorHeader
from scanvq.model.requested_values import sample_condition, with_label

SPACE = ConditionSpace(
    (
        CategoryCondition(name="label", values=("AD", "NC")),
        NumberCondition(name="age", low=60.0, high=90.0, mean=75.0, std=8.0),
    )
)
JOINT = JointDistribution.measure(
    SPACE, {"label": np.array([0, 0, 0, 1]), "age": np.array([90, 88, 89, 60], np.float32)}
)


def header(space: ConditionSpace, joint: JointDistribution) -> PriorHeader:
    return PriorHeader(
        id="0",
        spec={"kind": "pixelcnn"},
        recipe="tiny",
        tokenizer="0",
        conditions=space,
        joint_distribution=JointCounts.model_validate(joint.to_dict()),
        codebook_sizes=(8,),
        code_shapes=((4, 4),),
        code_dims=(2,),
    )


def test_the_argument_label_is_the_condition_label() -> None:
    assert with_label(None, None) == {}
    assert with_label({"age": 70}, "AD") == {"age": 70, "label": "AD"}
    assert with_label({"label": "AD"}, "AD") == {"label": "AD"}
    with pytest.raises(
        ValueError, match="label is 'AD', but the condition label is 'NC'; give only one of them"
    ):
        with_label({"label": "NC"}, "AD")


def test_conditions_of_a_sample_depend_on_the_seed_and_its_index_alone() -> None:
    many, few, other = (
        sample_condition(JOINT, count, {}, seed=seed) for count, seed in ((40, 5), (9, 5), (40, 6))
    )
    assert torch.equal(many.categories["label"][:9], few.categories["label"])
    assert torch.equal(many.numbers["age"][:9], few.numbers["age"])
    assert not torch.equal(many.numbers["age"], other.numbers["age"])


def test_a_requested_value_is_kept_and_changes_the_distribution_of_the_others() -> None:
    patients, controls = (sample_condition(JOINT, 400, {"label": label}, seed=0) for label in ("AD", "NC"))
    assert (patients.categories["label"] == 0).all()
    assert (controls.categories["label"] == 1).all()
    assert patients.numbers["age"].median() > 80 > controls.numbers["age"].median()
    with pytest.raises(
        ValueError, match=r"sex is not a condition of this run; its conditions are label \(AD, NC\), age"
    ):
        sample_condition(JOINT, 1, {"sex": "F"}, seed=0)
    nothing = JointDistribution.measure(ConditionSpace(), {})
    with pytest.raises(
        ValueError, match="age is not a condition of this run; it was trained without conditions"
    ):
        sample_condition(nothing, 1, {"age": 70}, seed=0)


def test_a_header_round_trips_conditions_and_counts() -> None:
    kept = header(SPACE, JOINT)
    back = PriorHeader.model_validate_json(kept.model_dump_json())
    assert back == kept
    assert back.conditions == SPACE
    np.testing.assert_allclose(back.joint.tables[0], JOINT.tables[0], rtol=1e-3)
    with pytest.raises(ValueError, match="does not fit the conditions label"):
        header(ConditionSpace(SPACE.conditions[:1]), JOINT)
    none = header(ConditionSpace(), JointDistribution.measure(ConditionSpace(), {}))
    assert sample_condition(none.joint, 3, {}, seed=0).names == ()
