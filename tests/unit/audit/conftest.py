"""Synthetic brains of many people with codes, and their auditor."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.audit.auditor import Auditor
from scanvq.audit.evidence import HeldOutEvidence
from scanvq.audit.image_index import ImageIndex
from scanvq.audit.scans import Scans
from scanvq.synthetic.cohort import make_cohort

TRAINING, HELD_OUT, SIDE, CODES, SIZE = 40, 104, 64, 16, 64


def codes_of(images: np.ndarray) -> np.ndarray:
    """Codes (n, 16, 16) of 4x4 pixels: mean gray value and horizontal gradient in eight steps each."""
    cells = images.reshape(len(images), CODES, 4, CODES, 4)
    mean = cells.mean(axis=(2, 4))
    slope = cells[..., 2:].mean(axis=(2, 4)) - cells[..., :2].mean(axis=(2, 4))
    gray = np.clip(mean * 8, 0, 7).astype(int)
    return gray * 8 + np.clip(slope * 16 + 4, 0, 7).astype(int)


def decoded(images: np.ndarray) -> np.ndarray:
    """What a poor tokenizer leaves of images: 2x2 pixels, each their mean."""
    small = images.reshape(len(images), SIDE // 2, 2, SIDE // 2, 2).mean(axis=(2, 4))
    return small.repeat(2, axis=1).repeat(2, axis=2)


def scans_of(images: np.ndarray, first: int) -> Scans:
    names = tuple(f"s{number:03d}" for number in range(first, first + len(images)))
    return Scans(
        read=lambda rows: images[rows],
        people=np.arange(first, first + len(images)),
        files=tuple(f"{name}.png" for name in names),
        subjects=names,
        levels=(codes_of(images),),
    )


@pytest.fixture(scope="session")
def brains() -> np.ndarray:
    """(144, 64, 64): one slice of each person."""
    made = make_cohort(subjects=TRAINING + HELD_OUT, slices=1, height=SIDE, width=SIDE)
    return np.stack([one.image for one in made]).astype(np.float32)


@pytest.fixture(scope="session")
def auditor(brains: np.ndarray) -> Auditor:
    training, held_out = scans_of(brains[:TRAINING], 0), scans_of(brains[TRAINING:], TRAINING)
    index = ImageIndex.build(training, held_out)
    return Auditor(training, held_out, index, codebook_size=SIZE)


@pytest.fixture(scope="session")
def held_out_images(auditor: Auditor) -> dict[str, np.ndarray]:
    """The evidence of each held-out image."""
    scans = auditor.held_out
    found = [
        one.evidence()
        for one in auditor.find(scans.read(np.arange(HELD_OUT)), scans.codes, people=scans.people)
    ]
    return {name: np.array([one[name] for one in found], float) for name in found[0]}


@pytest.fixture(scope="session")
def held_out(auditor: Auditor, held_out_images: dict[str, np.ndarray]) -> HeldOutEvidence:
    return HeldOutEvidence.by_person(held_out_images, auditor.held_out.people)
