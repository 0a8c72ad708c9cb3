"""Condition embedding: a lookup for labels alone, a sum for more, and any condition may be absent."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import CategoryCondition, ConditionSpace, NumberCondition
from scanvq.nn.condition_embedding import ConditionEmbedding, embedding_of

SPACE = ConditionSpace(
    (
        CategoryCondition(name="label", values=("AD", "NC")),
        NumberCondition(name="age", low=20.0, high=90.0, mean=60.0, std=10.0),
        CategoryCondition(name="sex", values=("F", "M")),
    )
)
BATCH = Condition(
    categories={"label": torch.tensor([0, 1, 2]), "sex": torch.tensor([1, 1, 0])},
    numbers={"age": torch.tensor([30.0, 80.0, math.nan])},
)


def test_labels_alone_are_an_embedding_table() -> None:
    torch.manual_seed(0)
    plain = nn.Embedding(3, 8)
    after = torch.rand(1)
    torch.manual_seed(0)
    embedding = ConditionEmbedding(ConditionSpace.of_labels(("AD", "NC")), 8)
    assert torch.equal(torch.rand(1), after)  # nothing else is drawn
    assert len(list(embedding.parameters())) == 1
    labels = torch.tensor([1, 0, 2])
    assert torch.equal(embedding(Condition(label=labels), 3), plain(labels))
    assert torch.equal(embedding(None, 2), plain(torch.tensor([2, 2])))
    torch.manual_seed(1)
    embedding.reset(0.1)
    torch.manual_seed(1)
    nn.init.normal_(plain.weight, std=0.1)
    assert torch.equal(embedding(Condition(label=labels), 3), plain(labels))


def test_absent_values_equal_conditions_that_are_not_named() -> None:
    embedding = ConditionEmbedding(SPACE, 8)
    absent = Condition(
        categories={"label": torch.tensor([2]), "sex": torch.tensor([2])},
        numbers={"age": torch.tensor([math.nan])},
    )
    assert torch.equal(embedding(absent, 1), embedding(None, 1))
    assert torch.equal(embedding(absent.without("age"), 1), embedding(Condition(), 1))


def test_every_condition_has_an_effect_and_a_gradient() -> None:
    embedding = ConditionEmbedding(SPACE, 8)
    whole = embedding(BATCH, 3)
    assert whole.shape == (3, 8)
    for name in BATCH.names:
        without = embedding(BATCH.without(name), 3)
        assert not torch.equal(without[:2], whole[:2]), name
    close = Condition(numbers={"age": torch.tensor([70.0, 72.0])})
    first, second = embedding(close, 2)
    assert not torch.allclose(first, second, atol=1e-3)
    whole.sum().backward()
    for name, parameter in embedding.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("std", [1.0, 0.1, 0.02])
def test_vectors_of_numbers_and_categories_have_equal_scale(std: float) -> None:
    torch.manual_seed(0)
    embedding = ConditionEmbedding(ConditionSpace(SPACE.numbers), 256)
    embedding.reset(std)
    vectors = embedding(Condition(numbers={"age": torch.linspace(20, 90, 100)}), 100)
    assert 0.5 * std < vectors.std() < 2 * std


def test_in_bfloat16_it_is_near_float32() -> None:
    torch.manual_seed(0)
    embedding = ConditionEmbedding(SPACE, 64)
    exact = embedding(BATCH, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = embedding(BATCH, 3)
    torch.testing.assert_close(rough.float(), exact, atol=0.05, rtol=0.05)
    assert embedding.bfloat16()(BATCH, 3).dtype == torch.bfloat16


def test_no_conditions_are_refused() -> None:
    with pytest.raises(ValueError, match="no conditions"):
        ConditionEmbedding(ConditionSpace(), 8)
    assert embedding_of(ConditionSpace(), 8) is None
