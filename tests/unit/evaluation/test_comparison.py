"""Every score of a comparison: what it says of equal, of bad and of too few images."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scanvq.evaluation.comparison_metrics import comparison_metrics
from scanvq.evaluation.degradations import BAD_REFERENCES
from scanvq.evaluation.image_set import ImageSet, draw
from scanvq.evaluation.metric import Estimate
from scanvq.evaluation.references import measure_references
from scanvq.evaluation.sample_scores import Comparison, compare
from scanvq.evaluation.spaces import Space

CHEAP = ("frechet", "kernel", "overlap", "ms_ssim", "symmetry")


def scores(
    created: ImageSet, reference: ImageSet, spaces: tuple[Space, ...], names: tuple[str, ...] = CHEAP
) -> dict[str, Estimate]:
    found: dict[str, Estimate] = {}
    for metric in comparison_metrics(spaces):
        if metric.name in names:
            metric.update(created, side="created")
            metric.update(reference, side="reference")
            result = metric.compute()
            assert tuple(sorted(result)) == tuple(sorted(metric.names))
            found.update(result)
    return found


def degraded(images: ImageSet, name: str) -> ImageSet:
    worse = BAD_REFERENCES[name](images.images, np.random.default_rng(0))
    return ImageSet(name=name, images=worse, subjects=images.subjects)


@pytest.mark.slow
def test_intervals_of_equal_distributions_hold_what_is_true_of_them(
    spaces: tuple[Space, ...], compared: ImageSet
) -> None:
    """Each interval is of 95 %: over eight splits of real images the truth lies outside now and then."""
    truth = {"frechet.features": 0, "frechet.pca32": 0, "kernel.features": 0, "kernel.pca32": 0}
    held = dict.fromkeys(truth, 0)
    for split in range(8):
        order = np.random.default_rng(split).permutation(len(compared))
        found = scores(compared.take(order[:150]), compared.take(order[150:]), spaces, ("frechet", "kernel"))
        for name, value in truth.items():
            low, high = found[name].low, found[name].high
            assert low is not None
            assert high is not None
            held[name] += low <= value <= high
    assert min(held.values()) >= 6, held


@pytest.mark.parametrize("name", BAD_REFERENCES)
def test_bad_images_are_farther_than_real_ones(
    name: str, spaces: tuple[Space, ...], compared: ImageSet
) -> None:
    one, two, three = (compared.take(np.arange(start, start + 80)) for start in (0, 80, 160))
    real, bad = scores(one, two, spaces), scores(degraded(three, name), two, spaces)
    for score in ("frechet.features", "frechet.network", "kernel.features", "kernel.network"):
        assert bad[score].value > 10 * max(real[score].value, 0.1), score
    for score in ("coverage.features", "coverage.network", "density.network"):
        assert bad[score].value < 0.5 * real[score].value, score


def test_copies_of_one_image_have_no_variety(spaces: tuple[Space, ...], compared: ImageSet) -> None:
    one, two = compared.take(np.arange(40)), compared.take(np.arange(40, 80))
    same = ImageSet(name="same", images=np.repeat(one.images[:1], 40, axis=0), subjects=np.arange(40) - 40)
    assert scores(same, two, spaces, ("ms_ssim",))["ms_ssim"].value == pytest.approx(1)
    assert scores(one, two, spaces, ("ms_ssim",))["ms_ssim"].value < 0.9


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_images_are_refused_by_name_never_nan(
    count: int, spaces: tuple[Space, ...], compared: ImageSet
) -> None:
    one, two = compared.take(np.arange(count)), compared.take(np.arange(50, 50 + count))
    found = scores(one, two, spaces, (*CHEAP, "auc"))
    assert found
    for name, estimate in found.items():
        assert estimate.value is None, name
        assert estimate.refused.startswith("TooFewImages: "), name


def test_one_subject_alone_is_refused_by_name(spaces: tuple[Space, ...], compared: ImageSet) -> None:
    one = compared.take(np.arange(20))
    alone = ImageSet(name="alone", images=one.images, subjects=np.zeros(20, np.int64))
    found = scores(alone, compared.take(np.arange(20, 40)), spaces, (*CHEAP, "auc"))
    for name in ("auc.features", "auc.network", "frechet.pca32", "kernel.features", "ms_ssim"):
        assert found[name].value is None
        assert found[name].refused.startswith("TooFewSubjects: "), name
    assert found["precision.features"].value is not None
    assert found["precision.features"].low is None
    assert found["precision.features"].note.startswith("no interval, TooFewSubjects: ")


def test_sides_of_unequal_size_are_an_error(spaces: tuple[Space, ...], compared: ImageSet) -> None:
    for metric in comparison_metrics(spaces):
        metric.update(compared.take(np.arange(5)), side="created")
        with pytest.raises(ValueError, match="no reference images yet"):
            metric.compute()
        metric.update(compared.take(np.arange(6)), side="reference")
        with pytest.raises(ValueError, match="equally many images; there are 5 and 6"):
            metric.compute()
        with pytest.raises(ValueError, match="has its created images already"):
            metric.update(compared.take(np.arange(5)), side="created")


@pytest.mark.slow
def test_the_form_of_metrics_json(spaces: tuple[Space, ...], compared: ImageSet) -> None:
    one, two, three = (compared.take(np.arange(start, start + 16)) for start in (0, 16, 32))
    steps = []
    references = measure_references(two, [one], spaces, advance=lambda: steps.append(1))
    assert len(steps) == 4 * len(comparison_metrics(spaces))  # one floor, three bad references
    found = compare(three, two, spaces, references)
    stored = Comparison(n=16, scores=found).to_dict()
    assert json.loads(json.dumps(stored, allow_nan=False)) == stored
    assert stored["n"] == 16
    in_spaces = {"auc", "frechet", "kernel", "precision", "recall", "density", "coverage"}
    assert set(stored) == {"n", "ms_ssim", "symmetry", *in_spaces}
    assert set(stored["symmetry"]) == {"brightness", "sharpness"}
    for name in in_spaces:
        assert set(stored[name]) == {"features", "pca32", "network"}
        for number in stored[name].values():
            assert {"value", "low", "high", "floor", "bad"} <= set(number)
            assert set(number["bad"]) == {"blurred", "shuffled", "mean"}
    assert stored["auc"]["network"]["low"] <= stored["auc"]["network"]["value"]
    assert stored["frechet"]["pca32"]["floor"] >= 0


def test_draws_take_subjects_in_turns() -> None:
    subjects = np.repeat([0, 1, 2, 3], [10, 10, 1, 10])
    random = np.random.default_rng(0)
    counts = np.bincount(subjects[draw(subjects, 10, random)], minlength=4)
    assert counts.tolist() == [3, 3, 1, 3]
    two = np.bincount(subjects[draw(subjects, 10, random, people=2)], minlength=4)
    assert np.count_nonzero(two) <= 2 or two[2] == 1
    assert len(set(draw(subjects, 31, random).tolist())) == 31
    with pytest.raises(ValueError, match="32 images cannot be drawn from 31"):
        draw(subjects, 32, random)
