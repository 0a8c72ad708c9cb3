"""Scores of images on disk, so that an interrupted evaluation goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.storage.arrays import open_arrays
from scanvq.storage.files import atomic_write
from scanvq.types import Progress

CHUNK = 32  # images, a multiple of every batch
Scores = NDArray[np.float64]


class ScoreFile:
    """Scores by name, each with a key of everything that it depends on; other keys are computed anew.

    Args:
        path: of the file, `.npz`; made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stored: dict[str, NDArray] = {}
        if path.is_file():
            with open_arrays(path) as stored:
                self._stored = {name: stored[name] for name in stored}
                if any(
                    values.ndim != 2 or values.dtype.kind != "f"
                    for name, values in self._stored.items()
                    if not name.endswith(".key")
                ):
                    raise ValueError("its scores are not numbers of shape (images, scores)")

    def compute(
        self,
        name: str,
        key: str,
        count: int,
        part: Callable[[int, int], Scores],
        *,
        progress: Progress,
    ) -> Scores:
        """The scores (n, k) of n images. Those computed before an exception are kept on disk.

        Args:
            name: of the scores.
            key: equal keys have equal scores.
            count: n, at least 1.
            part: the scores (m, k) of the images from a first to below a last.
            progress: called with images done and all.
        """
        done = self._of(name, key)[:count]
        found = [done] if len(done) else []
        start = len(done)
        if start == count:
            progress(count, count)
            return done
        try:
            while start < count:
                end = min(start + CHUNK, count)
                found.append(part(start, end))
                start = end
                progress(start, count)
        finally:
            if found:
                self._keep(name, key, np.concatenate(found))
        return np.concatenate(found)

    def _of(self, name: str, key: str) -> Scores:
        if name not in self._stored or str(self._stored.get(f"{name}.key", "")) != key:
            return np.empty((0, 0))
        return self._stored[name]

    def _keep(self, name: str, key: str, scores: Scores) -> None:
        self._stored |= {name: scores, f"{name}.key": np.array(key)}
        with atomic_write(self._path) as temporary, temporary.open("wb") as file:
            arrays: dict[str, Any] = dict(self._stored)
            np.savez(file, **arrays)
