"""Synthetic brains of many subjects, and spaces of features fitted to some of them."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.evaluation.image_set import ImageSet
from scanvq.evaluation.spaces import Space, fit_spaces
from scanvq.synthetic.cohort import make_cohort

SUBJECTS = 400
FIT = 100  # subjects that spaces are fitted to; the others are compared


@pytest.fixture(scope="session")
def brains() -> ImageSet:
    """One slice of each of 400 subjects, 64x64."""
    made = list(make_cohort(subjects=SUBJECTS, slices=1, height=64, width=64))
    return ImageSet(
        name="brains",
        images=np.stack([one.image for one in made]).astype(np.float32),
        subjects=np.array([one.subject for one in made], np.int64),
    )


@pytest.fixture(scope="session")
def spaces(brains: ImageSet) -> tuple[Space, ...]:
    return fit_spaces(brains.take(np.arange(FIT)))


@pytest.fixture(scope="session")
def compared(brains: ImageSet, spaces: tuple[Space, ...]) -> ImageSet:
    """300 subjects that nothing was fitted to; described once for all tests."""
    whole = brains.take(np.arange(FIT, SUBJECTS))
    for space in spaces:
        space.vectors(whole)
    return whole
