"""The time of the audit at the end of `fit`, from its measured parts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scanvq.audit.auditor import Auditor
from scanvq.audit.descriptor import CHANGED, VERSIONS, flat_details
from scanvq.audit.details import CELLS, details
from scanvq.audit.disguises import nuisance
from scanvq.audit.image_index import ImageIndex
from scanvq.audit.scans import Images, Scans
from scanvq.model.model import Model
from scanvq.store.dataset import SliceDataset

IMAGES = 8  # on each side


@dataclass(frozen=True, kw_only=True)
class AuditCost:
    """Seconds of an image in the parts of the audit, on this machine.

    Attributes:
        change: a changed version, of those that the features are fitted to.
        describe: a real image, to be found again.
        find: a created or held-out image, to be compared with the real ones.
    """

    change: float
    describe: float
    find: float

    def seconds(self, *, training: int, held_out: int, samples: int) -> float:
        """Of the whole audit.

        Args:
            training, held_out: real images.
            samples: created images.
        """
        changed = min(CHANGED, training) * VERSIONS
        return (
            self.change * changed + self.describe * (training + held_out) + self.find * (held_out + samples)
        )


def measure_audit(model: Model, dataset: SliceDataset) -> AuditCost:
    """Measures each part once.

    Args:
        model: for the size of its codes.
        dataset: at least one image.
    """
    images: Images = dataset.batch(np.arange(IMAGES) % len(dataset))[0][:, 0].numpy()
    random = np.random.default_rng(0)
    size = model.tokenizer.codebook_sizes[0]
    scans = Scans(
        read=lambda rows: images[rows],
        people=np.arange(IMAGES),
        files=("",) * IMAGES,
        subjects=("",) * IMAGES,
        levels=(random.integers(size, size=(IMAGES, *model.code_shapes[0])),),
    )
    auditor = Auditor(scans, scans, ImageIndex.build(scans, scans), codebook_size=size)
    return AuditCost(
        change=_seconds(lambda: flat_details(nuisance(images, random))) / IMAGES,
        describe=_seconds(lambda: (flat_details(images), details(images, cells=CELLS))) / IMAGES,
        find=_seconds(lambda: list(auditor.find(images, scans.codes))) / IMAGES,
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
