"""The quality of maps: a map of the lesions is perfect, a random one is not."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.inference.lesion_scores import LesionPixels, chooses_threshold


def lesion_pixels(scans: int) -> LesionPixels:
    random = np.random.default_rng(0)
    lesions = LesionPixels()
    for number in range(scans):
        image = np.zeros((1, 20, 20))
        image[:, 4:16, 4:16] = 1
        mask = np.zeros((1, 20, 20), bool)
        mask[0, 6:9, 5 + number : 9 + number] = True
        maps = {"random": random.random((1, 20, 20)), "perfect": mask + 0.1 * random.random((1, 20, 20))}
        lesions.add(
            image, {name: one.astype(np.float32) for name, one in maps.items()}, mask, chooses=number % 2 == 0
        )
    return lesions


def test_a_map_of_the_lesions_is_perfect() -> None:
    quality = lesion_pixels(4).quality()
    perfect, by_chance = quality["perfect"], quality["random"]
    assert (perfect.auroc, perfect.average_precision) == (1, 1)
    assert perfect.dice > 0.85  # the threshold was chosen on other scans
    assert 0.35 < by_chance.auroc < 0.65
    share = 12 / 144  # air is left out
    assert by_chance.average_precision == pytest.approx(share, abs=0.08)


def test_one_half_without_lesions_is_refused() -> None:
    with pytest.raises(ValueError, match="both halves"):
        lesion_pixels(1).quality()


def test_about_half_of_the_scans_choose() -> None:
    chosen = sum(chooses_threshold(f"sub-{number}") for number in range(400))
    assert 160 < chosen < 240
