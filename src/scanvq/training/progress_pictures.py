"""Pictures of the same images or samples during training, kept for the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanvq.storage.arrays import open_arrays
from scanvq.storage.files import atomic_write

KEPT = 8  # pictures of at most this many steps are kept, evenly spread


class ProgressPictures:
    """Pictures of a stage at several steps, in one npz file of steps (m,) and images (m, n, H, W) uint8.

    With more than `KEPT` steps, the step nearest to its neighbors is dropped; the first and the newest stay.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._steps: list[int] = []
        self._images: list[NDArray[np.uint8]] = []
        if path.exists():
            with open_arrays(path) as saved:
                self._steps = [int(step) for step in saved["steps"]]
                self._images = list(saved["images"])

    def add(self, step: int, images: NDArray[np.float32]) -> None:
        """Adds the images (n, H, W) in [0, 1] of a step."""
        while self._steps and self._steps[-1] >= step:  # a resumed run repeats its last steps
            self._steps.pop()
            self._images.pop()
        self._steps.append(step)
        self._images.append(np.round(np.clip(images, 0, 1) * 255).astype(np.uint8))
        if len(self._steps) > KEPT:
            gaps = [after - before for before, after in zip(self._steps, self._steps[2:], strict=False)]
            crowded = 1 + gaps.index(min(gaps))
            del self._steps[crowded], self._images[crowded]
        with atomic_write(self._path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, steps=np.array(self._steps), images=np.stack(self._images))


def read_progress(path: Path) -> list[tuple[int, NDArray[np.uint8]]]:
    """The kept pictures: (step, images (n, H, W) uint8). Empty if there is no file."""
    if not path.exists():
        return []
    with open_arrays(path) as saved:
        return [(int(step), images) for step, images in zip(saved["steps"], saved["images"], strict=True)]
