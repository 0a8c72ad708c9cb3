"""An index over all real images of a run, in pixel and feature space; kept in the run directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanvq.audit.descriptor import CHANGED, Descriptor, flat_details
from scanvq.audit.details import CELLS, details
from scanvq.audit.scans import Scans, batches
from scanvq.storage.arrays import numbers, open_arrays
from scanvq.storage.files import atomic_write
from scanvq.types import Progress

VERSION = 1
"""Of everything that the audit computes of images; a file of another version is computed again."""


@dataclass(frozen=True, kw_only=True)
class ImageIndex:
    """What images are compared with: the training images first, then the held-out ones.

    Attributes:
        descriptor: images to features.
        features: (n, d) float32, of unit norm.
        details: (n, h, w) float16, band-passed images of unit norm.
        training: how many of the n are training images.
    """

    descriptor: Descriptor
    features: NDArray[np.float32]
    details: NDArray[np.float16]
    training: int

    @classmethod
    def build(cls, training: Scans, held_out: Scans, *, progress: Progress | None = None) -> ImageIndex:
        """Reads every image once.

        Args:
            training: whose images the features are fitted to, at least two.
            held_out: further images.
            progress: called with images done and all.
        """
        total = len(training) + len(held_out)
        vectors, fine = [], []
        for scans in (training, held_out):
            for part in batches(len(scans)):
                images = scans.read(part)
                vectors.append(flat_details(images))
                fine.append(details(images, cells=CELLS).astype(np.float16))
                if progress is not None:
                    progress(sum(map(len, fine)), total)
        together = np.concatenate(vectors)
        chosen = np.linspace(0, len(training) - 1, min(CHANGED, len(training))).astype(np.int64)
        descriptor = Descriptor.fit(training.read(chosen), together[: len(training)])
        return cls(
            descriptor=descriptor,
            features=descriptor.project(together),
            details=np.concatenate(fine),
            training=len(training),
        )

    def save(self, file: Path, key: str) -> None:
        with atomic_write(file) as temporary, temporary.open("wb") as opened:
            np.savez(
                opened,
                key=np.array(key),
                mean=self.descriptor.mean,
                projection=self.descriptor.projection,
                features=self.features,
                details=self.details,
                training=np.array(self.training),
            )

    @classmethod
    def load(cls, file: Path, key: str) -> ImageIndex | None:
        """The index of a file; None if there is none, or one of other images."""
        if not file.is_file():
            return None
        with open_arrays(file) as saved:
            if str(saved["key"]) != key:
                return None
            return cls(
                descriptor=Descriptor(
                    mean=numbers(saved, "mean", dimensions=1),
                    projection=numbers(saved, "projection", dimensions=2),
                ),
                features=numbers(saved, "features", dimensions=2),
                details=numbers(saved, "details", dimensions=3),
                training=int(numbers(saved, "training", dimensions=0)),
            )
