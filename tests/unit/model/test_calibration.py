"""Calibration: what is stored, p-values at the stated rate, and refusal of damaged records."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from scanvq.inference.calibrate import leave_one_out_scores, moments_of
from scanvq.metrics.conformal import p_values
from scanvq.model.calibration import (
    Calibration,
    MapMoments,
    interpolated,
    map_score,
    pooled,
    smoothed,
    standardized,
)
from scanvq.model.score_maps import ScoreMaps

GRID = (3, 4)


def record(people: int = 12) -> Calibration:
    random = np.random.default_rng(0)
    moments = MapMoments(shape=GRID, mean=(0.5,) * 12, std=(0.25,) * 12)
    return Calibration(
        tokenizer="t",
        prior=None,
        split="validation",
        people=people,
        restore_above=None,
        restorations=0,
        grid=GRID,
        scores={
            "map": tuple(np.sort(random.random(people))),
            "residual": tuple(np.sort(random.random(people))),
        },
        moments={"residual": moments},
    )


def found(residual: np.ndarray) -> ScoreMaps:
    maps = residual.astype(np.float32)
    return ScoreMaps(images=np.ones_like(maps), reconstructions=maps, codes=(), maps={"residual": maps})


def test_a_record_comes_back_from_its_text() -> None:
    assert Calibration.model_validate_json(record().model_dump_json()) == record()


@pytest.mark.parametrize(
    "changed",
    [{"people": 3}, {"scores": {"map": (0.1,)}}, {"scores": {"map": (float("nan"),) * 12}}, {"extra": 1}],
)
def test_a_damaged_record_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Calibration.model_validate({**record().model_dump(), **changed})


def test_a_place_with_a_high_residual_stands_out() -> None:
    residual = np.full((2, 60, 80), 0.5)
    residual[1, 10:30, 40:60] = 9.0
    anomaly = record().anomaly_map(found(residual))
    assert anomaly.shape == (2, 60, 80)
    assert abs(anomaly[0]).max() < 1e-3
    assert anomaly[1, 20, 50] > 5
    assert abs(anomaly[1, 50, 5]) < 1e-3
    scores = record().scores_of(found(residual))
    assert scores["map"][1] > scores["map"][0]
    p = record().p_values(scores)
    assert p["residual"].tolist()[1] == pytest.approx(1 / 13)
    assert record().smallest_p == pytest.approx(1 / 13)


def fields(random: np.random.Generator, count: int) -> np.ndarray:
    """Maps of people: a common pattern, each person's own level, and noise."""
    pattern = np.random.default_rng(5).random((1, 12, 10))
    level = random.gamma(4, 0.25, (count, 1, 1))
    return (pattern * level + 0.2 * random.random((count, 12, 10))).astype(np.float32)


@pytest.mark.parametrize("people", [6, 19])
def test_map_scores_raise_false_alarms_at_the_stated_rate(people: int) -> None:
    """Calibration maps stand beside those of all others, new maps beside all: never above the rate."""
    random, repeats, level = np.random.default_rng(people), 400, 0.2
    alarms = 0
    for _ in range(repeats):
        known, new = fields(random, people), fields(random, 1)
        moments = {"residual": interpolated(moments_of(known), (12, 10))}
        score = map_score(standardized({"residual": new}, moments))
        alarms += int(p_values(score, leave_one_out_scores({"residual": known}))[0] <= level)
    exact = np.floor(level * (people + 1)) / (people + 1)
    assert stats.binomtest(alarms, repeats, exact, alternative="greater").pvalue > 0.01
    assert alarms > repeats * exact / 2


def test_few_people_store_no_image() -> None:
    """Mean and deviation of a map over few people are a single number each."""
    few, many = (moments_of(fields(np.random.default_rng(0), count)) for count in (9, 10))
    assert few.shape == (1, 1)
    assert many.shape == (12, 10)


def test_one_person_alone_has_a_score() -> None:
    assert np.isfinite(leave_one_out_scores({"residual": fields(np.random.default_rng(0), 1)})).all()


def test_smoothing_and_pooling_keep_a_constant_map() -> None:
    maps = np.full((2, 12, 16), 0.3, np.float32)
    np.testing.assert_allclose(pooled(smoothed(maps), GRID), 0.3, rtol=1e-5)
