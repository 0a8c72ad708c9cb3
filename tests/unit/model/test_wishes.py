"""Wishes by name, and the conditions of samples that nobody has asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scanvq.conditions.joint_distribution import JointDistribution
from scanvq.conditions.space import CategoryCondition, ConditionSpace, NumberCondition
from scanvq.model.headers import JointCounts, PriorHeader
from scanvq.model.wishes import all_wishes, draw_condition

SPACE = ConditionSpace(
    (
        CategoryCondition(name="label", values=("AD", "NC")),
        NumberCondition(name="age", low=60.0, high=90.0, mean=75.0, std=8.0),
    )
)
JOINT = JointDistribution.measured(
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


def test_a_label_is_short_for_the_condition_of_this_name() -> None:
    assert all_wishes(None, None) == {}
    assert all_wishes({"age": 70}, "AD") == {"age": 70, "label": "AD"}
    assert all_wishes({"label": "AD"}, "AD") == {"label": "AD"}
    with pytest.raises(ValueError, match="label is 'AD', but the condition label is 'NC'; give one"):
        all_wishes({"label": "NC"}, "AD")


def test_a_sample_s_conditions_depend_on_the_seed_and_its_number_alone() -> None:
    many, few, other = (
        draw_condition(JOINT, count, {}, seed=seed) for count, seed in ((40, 5), (9, 5), (40, 6))
    )
    assert torch.equal(many.categories["label"][:9], few.categories["label"])
    assert torch.equal(many.numbers["age"][:9], few.numbers["age"])
    assert not torch.equal(many.numbers["age"], other.numbers["age"])


def test_a_wish_is_kept_and_moves_what_is_drawn_beside_it() -> None:
    ill, well = (draw_condition(JOINT, 400, {"label": label}, seed=0) for label in ("AD", "NC"))
    assert (ill.categories["label"] == 0).all()
    assert (well.categories["label"] == 1).all()
    assert ill.numbers["age"].median() > 80 > well.numbers["age"].median()
    with pytest.raises(
        ValueError, match=r"sex is no condition of this run, which knows label \(AD, NC\), age"
    ):
        draw_condition(JOINT, 1, {"sex": "F"}, seed=0)


def test_a_header_keeps_space_and_counts() -> None:
    kept = header(SPACE, JOINT)
    back = PriorHeader.model_validate_json(kept.model_dump_json())
    assert back == kept
    assert back.conditions == SPACE
    np.testing.assert_allclose(back.joint.tables[0], JOINT.tables[0], rtol=1e-3)
    with pytest.raises(ValueError, match="not one of label"):
        header(ConditionSpace(SPACE.conditions[:1]), JOINT)
    none = header(ConditionSpace(), JointDistribution.measured(ConditionSpace(), {}))
    assert draw_condition(none.joint, 3, {}, seed=0).names == ()
