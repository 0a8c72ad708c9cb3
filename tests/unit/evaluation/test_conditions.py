"""Scores by condition: which images a group has, which groups are refused, and what trainings tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from scanvq.conditions.space import CategoryCondition, ConditionSpace, NumberCondition
from scanvq.evaluation.condition_groups import condition_groups
from scanvq.evaluation.group_scores import score_group
from scanvq.evaluation.image_set import ImageSet
from scanvq.evaluation.spaces import Space, fit_spaces
from scanvq.evaluation.train_on_samples import score_training

LABEL = CategoryCondition(name="label", values=("thick", "thin"))
POSITION = NumberCondition(name="slice_position", low=0.0, high=1.0, mean=0.5, std=0.3)
SPACE = ConditionSpace((LABEL, POSITION))


@dataclass(frozen=True, kw_only=True)
class Split:
    """A split that has its images in memory."""

    whole: ImageSet

    def __len__(self) -> int:
        return len(self.whole)

    @property
    def subjects(self) -> np.ndarray:
        return self.whole.subjects

    @property
    def conditions(self) -> Mapping[str, Any]:
        return self.whole.conditions

    def read(self, chosen: np.ndarray, name: str) -> ImageSet:
        return self.whole.take(chosen)


def halving(images: Any) -> Any:
    """A tokenizer that halves every intensity."""
    return images / 2


def rings(count: int, first: int, *, informative: bool = True) -> ImageSet:
    """Ellipses, wide for label 0, narrow for label 1, bright by position; two images a subject."""
    random = np.random.default_rng(first)
    label = np.arange(count) // 2 % 2
    position = random.uniform(0, 1, count).astype(np.float32)
    rows, columns = np.mgrid[-1:1:32j, -1:1:32j]
    width = 0.45 + random.normal(0, 0.05, count) + (0.15 * (0.5 - label) if informative else 0)
    inside = (columns / width[:, None, None]) ** 2 + (rows / 0.7) ** 2 < 1
    images = inside * (0.4 + 0.4 * position[:, None, None]) + random.normal(0, 0.02, (count, 32, 32))
    return ImageSet(
        name="rings",
        images=images.clip(0, 1).astype(np.float32),
        subjects=first + np.arange(count) // 2,
        conditions={"label": label, "slice_position": position},
    )


@pytest.fixture(scope="module")
def fitted() -> tuple[Space, ...]:
    return fit_spaces(rings(60, 10_000), network=False)


def test_the_groups_of_a_space_divide_the_images() -> None:
    images = rings(200, 0)
    groups = condition_groups(SPACE)
    assert [group.name for group in groups] == [
        "thick",
        "thin",
        "0 to 0.25",
        "0.25 to 0.5",
        "0.5 to 0.75",
        "0.75 to 1",
    ]
    for condition in SPACE.names:
        members = [group.members(images.conditions) for group in groups if group.condition == condition]
        assert sorted(np.concatenate(members).tolist()) == list(range(200))
    beyond = {
        "slice_position": np.array([-0.1, 1.0, 1.2, np.nan], np.float32),
        "label": np.array([2, 2, 2, 2]),
    }
    assert [len(group.members(beyond)) for group in groups] == [0, 0, 1, 0, 0, 2]
    assert not any(len(group.members({})) for group in groups)


def test_a_group_is_compared_with_the_same_group(fitted: tuple[Space, ...]) -> None:
    created, reals, own = rings(80, 0), Split(whole=rings(88, 1000)), Split(whole=rings(100, 2000))
    far = created.images.copy()
    far[created.conditions["label"] == 1] = far[created.conditions["label"] == 1][:, :, ::2].repeat(2, axis=2)
    created = ImageSet(
        name="created",
        images=far,
        subjects=created.subjects - 5000,
        conditions=created.conditions,
    )
    groups = condition_groups(SPACE)
    found = [score_group(group, created, reals, own, halving, lambda: fitted) for group in groups[:3]]
    assert [one["n"] for one in found[:2]] == [40, 40]
    for one in found:
        assert list(one) == [
            "n",
            "samples_vs_reconstructions",
            "reconstructions_vs_reals",
            "samples_vs_reals",
        ]
        assert set(one["samples_vs_reals"]) == {"n", "auc", "frechet"}
        assert set(one["samples_vs_reals"]["frechet"]) == {"features", "pca32"}
        assert one["reconstructions_vs_reals"]["band_error"]["1"]["value"] == pytest.approx(0.25, abs=0.01)
    good, bad = (one["samples_vs_reals"]["frechet"]["features"]["value"] for one in found[:2])
    assert bad > 5 * max(good, 0.1)
    few = found[2]["samples_vs_reals"]["auc"]["features"]
    assert found[2]["n"] < 30
    assert few["value"] is None
    assert few["refused"].startswith("TooFewImages: a two-sample test needs at least 30 images")


def test_a_group_that_is_too_small_is_refused_by_name(fitted: tuple[Space, ...]) -> None:
    created, reals = rings(80, 0), Split(whole=rings(16, 1000))
    own = Split(whole=rings(100, 2000))
    thick = condition_groups(SPACE)[0]
    found = score_group(thick, created, reals, own, halving, lambda: fitted)
    assert found["n"] == 8
    assert found["refused"] == (
        "TooFewImages: scores of label thick need at least 10 images of each kind; there are 40 created, "
        "8 held-out, 50 training images"
    )
    alone = reals.whole.take(np.zeros(40, int))
    found = score_group(thick, created, Split(whole=alone), own, halving, lambda: fitted)
    assert found["refused"].startswith("TooFewSubjects: comparing label thick with held-out images needs")


def test_classifiers_learn_from_samples_what_is_in_them(fitted: tuple[Space, ...]) -> None:
    reals, own = Split(whole=rings(80, 1000)), Split(whole=rings(120, 2000))
    good = score_training(LABEL, rings(60, 0), reals, own, lambda: fitted)
    assert (good["n"], good["n_test"]) == (60, 80)
    empty = score_training(LABEL, rings(60, 0, informative=False), reals, own, lambda: fitted)
    for score in ("balanced_accuracy", "auc"):
        for space in ("features", "pca32"):
            one, other = good[score][space], empty[score][space]
            assert one["reals"] == other["reals"]
            assert one["samples"]["value"] > 0.85
            assert one["reals"]["value"] > 0.85
            assert one["difference"]["low"] < 0.05
            assert other["samples"]["value"] < 0.75
            assert other["difference"]["high"] < 0
            assert one["samples"]["low"] <= one["samples"]["value"] <= one["samples"]["high"]


def test_trainings_that_cannot_be_done_are_refused_by_name(fitted: tuple[Space, ...]) -> None:
    created, reals, own = rings(60, 0), Split(whole=rings(80, 1000)), Split(whole=rings(120, 2000))

    def refused(condition: CategoryCondition, images: ImageSet, tested: Split) -> str:
        return score_training(condition, images, tested, own, lambda: fitted)["refused"]

    few = created.take(np.flatnonzero((created.conditions["label"] == 0) | (np.arange(60) < 12)))
    assert "of thin there are 6 created and 60 training images" in refused(LABEL, few, reals)
    unknown = ImageSet(name="given", images=created.images, subjects=created.subjects)
    assert refused(LABEL, unknown, reals).startswith("TooFewImages: ")
    narrow = Split(whole=reals.whole.take(np.arange(12)))
    assert refused(LABEL, created, narrow).startswith("TooFewSubjects: a test of label thick needs")
    one_value = CategoryCondition(name="label", values=("thick",))
    assert refused(one_value, created, reals).startswith("NoVariation: ")
