"""Pictures of the same images or samples during training, kept for the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanvq.storage.arrays import open_arrays
from scanvq.storage.files import DamagedFileError, atomic_write

KEPT = 8  # pictures of at most this many steps are kept, evenly spread


class ProgressPictures:
    """Pictures of a stage at several steps, in one npz file of steps (m,) and images (m, n, H, W) uint8.

    With more than `KEPT` steps, the step nearest to its neighbors is dropped; the first and the newest stay.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        kept = read_progress(path)
        self._steps = [step for step, _ in kept]
        self._images = [images for _, images in kept]

    def add(self, step: int, images: NDArray[np.float32]) -> None:
        """Adds the images (n, H, W) in [0, 1] of a step.

        Raises:
            DamagedFileError: the kept pictures are not of this shape.
        """
        if self._images and self._images[0].shape != images.shape:
            raise DamagedFileError(f"{self._path} has pictures of another run; delete it")
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
    """The kept pictures: (step, images (n, H, W) uint8). Empty if there is no file.

    Raises:
        DamagedFileError: a damaged file.
    """
    if not path.exists():
        return []
    with open_arrays(path) as saved:
        steps, images = saved["steps"], saved["images"]
        if steps.ndim != 1 or images.ndim != 4 or images.dtype != np.uint8:
            raise ValueError("steps or images are of another shape or type")
        return [(int(step), pictures) for step, pictures in zip(steps, images, strict=True)]
