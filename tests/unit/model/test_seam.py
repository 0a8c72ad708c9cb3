"""Completions meet the gray values of the known pixels beside them."""

from __future__ import annotations

import numpy as np

from scanvq.model.seam import without_seam

HIDDEN = np.zeros((1, 40, 40), np.bool_)
HIDDEN[:, 20:] = True


def test_a_step_at_the_border_goes_and_the_far_side_stays() -> None:
    known = np.full((1, 40, 40), 0.6, np.float32)
    completed = np.full((1, 40, 40), 0.5, np.float32)
    result = without_seam(completed, known, HIDDEN)
    assert abs(result[0, 20] - 0.6).max() < 0.02
    assert abs(np.diff(result[0, 19:, 5])).max() < 0.03
    assert np.array_equal(result[0, 35:], completed[0, 35:])


def test_texture_is_kept() -> None:
    random = np.random.default_rng(0)
    texture = random.normal(0, 0.05, (1, 40, 40)).astype(np.float32)
    known = 0.5 + random.normal(0, 0.05, (1, 40, 40)).astype(np.float32)
    result = without_seam(0.5 + texture, known, HIDDEN)
    inside = result[0, 20:24] - 0.5
    assert np.corrcoef(inside.ravel(), texture[0, 20:24].ravel())[0, 1] > 0.9
    assert 0.8 < inside.std() / texture[0, 20:24].std() < 1.2


def test_values_of_unknown_pixels_are_not_used() -> None:
    random = np.random.default_rng(0)
    completed = random.random((2, 40, 40)).astype(np.float32)
    known = random.random((2, 40, 40)).astype(np.float32)
    other = np.where(HIDDEN, 9, known).astype(np.float32)
    hidden = HIDDEN.repeat(2, axis=0)
    assert np.array_equal(without_seam(completed, known, hidden), without_seam(completed, other, hidden))


def test_a_slice_that_is_unknown_everywhere_or_nowhere_stays() -> None:
    known = np.full((3, 40, 40), 0.6, np.float32)
    completed = np.full((3, 40, 40), 0.5, np.float32)
    hidden = np.stack([np.ones((40, 40), np.bool_), np.zeros((40, 40), np.bool_), HIDDEN[0]])
    result = without_seam(completed, known, hidden)
    assert np.array_equal(result[:2], completed[:2])
    assert not np.array_equal(result[2], completed[2])


def test_whole_numbers_stay_in_range() -> None:
    known = np.full((1, 40, 40), 255, np.uint8)
    completed = np.full((1, 40, 40), 250, np.uint8)
    result = without_seam(completed, known, HIDDEN)
    assert result.dtype == np.uint8
    assert result.min() >= 250
