from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from scanvq.conditions.space import CategoryCondition, ConditionSpace, NumberCondition
from scanvq.evaluation.groups import ABSENT, group_scores, groups_of, number_groups
from scanvq.evaluation.intervals import distributions, means
from scanvq.evaluation.rates import Rates
from scanvq.store.slice_conditions import SliceConditions


def test_a_distribution_has_the_interval_of_its_mean() -> None:
    values, subjects = np.random.default_rng(0).normal(0.7, 0.1, 60), np.arange(60) // 3
    found = distributions({"ssim": values}, subjects, thresholds={"ssim": 0.6})["ssim"]
    assert list(found) == ["mean", "std", "p05", "median", "p95", "above_0.6", "low", "high"]
    assert found["low"] < found["mean"] < found["high"]
    own = means({"ssim": values}, subjects)["ssim"]
    assert own == pytest.approx({"value": found["mean"], "low": found["low"], "high": found["high"]})


def test_few_subjects_have_a_mean_and_a_reason() -> None:
    found = means({"ssim": np.arange(8.0), "mae": np.ones(8)}, np.arange(8) % 4)
    assert (found["ssim"]["value"], found["mae"]["value"]) == (3.5, 1.0)
    for score in found.values():
        assert (score["low"], score["high"]) == (None, None)
        assert score["note"].startswith("no interval, TooFewSubjects: ")
    assert means({}, np.arange(8)) == {}


def test_numbers_are_grouped_in_bins_of_the_training_range() -> None:
    values = np.array([20, 32, 39.9, 40, 80, 80.0001, 19, 90, np.nan], np.float32)
    found = {name: np.flatnonzero(mask).tolist() for name, mask in number_groups(values, 20, 80).items()}
    assert found == {
        "below 20": [6],
        "20 to 32": [0],
        "32 to 44": [1, 2, 3],
        "68 to 80": [4],
        "above 80": [5, 7],
        ABSENT: [8],
    }
    assert list(number_groups(np.zeros(2, np.float32), 0, 1)) == ["0 to 0.2"]


def test_groups_of_slices_are_their_conditions_and_position() -> None:
    sex = CategoryCondition(name="sex", values=("F", "M"))
    age = NumberCondition(name="age", low=20, high=70, mean=45, std=9)
    site = CategoryCondition(name="site", values=("A",))
    values = {
        "sex": np.array([9, 0, 0, 2, 0]),
        "age": np.array([0, 20, 21, 70, np.nan], np.float32),
        "site": np.array([0, 1, 1, 1, 1]),  # of no test image
    }
    conditions = SliceConditions(space=ConditionSpace((sex, age, site)), values=values)
    store = SimpleNamespace(slice_index=np.array([0, 0, 10, 5, 0]), slice_count=np.array([1, 11, 11, 11, 1]))
    data = SimpleNamespace(conditions=conditions, store=store, rows=lambda split: np.arange(1, 5))
    found = {
        name: {group: np.flatnonzero(mask).tolist() for group, mask in groups.items()}
        for name, groups in groups_of(data, "test").items()
    }
    assert found == {
        "sex": {"F": [0, 1, 3], ABSENT: [2]},
        "age": {"20 to 30": [0, 1], "60 to 70": [2], ABSENT: [3]},
        "slice_position": {"0 to 0.2": [0], "0.4 to 0.6": [2], "0.8 to 1": [1], ABSENT: [3]},
    }


def test_scores_of_groups() -> None:
    scores, subjects = {"ssim": np.linspace(0, 1, 12)}, np.arange(12) // 2
    groups = {"label": {"AD": np.arange(12) < 10, "NC": np.arange(12) >= 10}}
    found = group_scores(scores, groups, subjects)["label"]
    assert (found["AD"]["n"], found["AD"]["subjects"]) == (10, 5)
    assert found["AD"]["ssim"]["mean"] == pytest.approx(scores["ssim"][:10].mean())
    assert found["AD"]["ssim"]["low"] < found["AD"]["ssim"]["high"]
    assert (found["NC"]["subjects"], found["NC"]["ssim"]["low"]) == (1, None)


def test_rates_are_three_or_say_why_not() -> None:
    subjects = np.arange(6)
    rates = Rates(
        raw=0.5, measured={"entropy": np.linspace(0.3, 0.5, 6)}, refused={"prior": "NoLikelihood: x"}
    )
    found = rates.summary(subjects)
    assert list(found) == ["raw", "entropy", "prior"]
    assert found["raw"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert found["entropy"]["low"] < found["entropy"]["value"] < found["entropy"]["high"]
    assert found["prior"] == {"value": None, "low": None, "high": None, "refused": "NoLikelihood: x"}
    some = rates.of(np.array([0])).summary(subjects[:1])["entropy"]
    assert (some["value"], some["low"]) == (pytest.approx(0.3), None)
