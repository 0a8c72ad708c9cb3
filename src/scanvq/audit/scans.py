"""The real scans of a run that created images are compared with: training and held-out people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanvq.store.dataset import SliceDataset
from scanvq.store.run_data import RunData
from scanvq.training.stages.codes import codes_file, read_codes

Images = NDArray[np.float32]
Grids = NDArray[np.integer]
HELD_OUT = ("validation", "test")
BATCH = 64  # images read at once


@dataclass(frozen=True, kw_only=True)
class Scans:
    """Real images, read when they are needed, and whose they are.

    Attributes:
        read: indices to images (b, H, W) in [0, 1].
        people: (n,) int64, whose image each is; the same numbers in training and held-out scans.
        files: path of each, relative to the data folder; slices of a volume have the suffix `#slice`.
        subjects: subject of each, as a reader knows it.
        levels: the codes of each level, (n, h, w), coarse to fine.
        mirrored: (n, h, w) or None, the coarsest codes of the mirrored images, which the prior saw too.
    """

    read: Callable[[NDArray[np.int64]], Images]
    people: NDArray[np.int64]
    files: tuple[str, ...]
    subjects: tuple[str, ...]
    levels: tuple[Grids, ...]
    mirrored: Grids | None = None

    def __len__(self) -> int:
        return len(self.people)

    @property
    def codes(self) -> Grids:
        """(n, h, w), the coarsest level, in which blocks are compared."""
        return self.levels[0]


def read_scans(data: RunData, codes: Path) -> tuple[Scans, Scans]:
    """Training and held-out scans of a run; held-out are the validation and test people without a leak.

    Args:
        data: the run's.
        codes: the run's folder of codes.
    """
    mirrored = None
    if codes_file(codes, "train", mirrored=True).is_file():
        mirrored = read_codes(codes, "train", mirrored=True)[0]
    training = _scans(data, data.rows("train"), read_codes(codes, "train"), mirrored)
    rows = np.concatenate([data.rows(split) for split in HELD_OUT])
    splits = [read_codes(codes, split) for split in HELD_OUT]
    levels = tuple(np.concatenate(level) for level in zip(*splits, strict=True))
    held_out = _scans(data, rows, levels, None)
    leaked = {subject for leak in data.leaks for subject in leak.subjects}
    kept = ~np.isin(held_out.people, training.people)
    kept &= np.array([subject not in leaked for subject in held_out.subjects], bool)
    return training, _scans(data, rows[kept], tuple(level[kept] for level in levels), None)


def _scans(
    data: RunData, rows: NDArray[np.int64], levels: tuple[Grids, ...], mirrored: Grids | None
) -> Scans:
    store, entries = data.store, list(data.catalog.entries)
    numbers: dict[str, int] = {}
    for entry in entries:
        numbers.setdefault(entry.group, len(numbers))
    chosen = [entries[number] for number in store.entry[rows]]
    volume = store.slice_count[rows] > 1
    files = [
        f"{entry.path.as_posix()}#{number}" if several else entry.path.as_posix()
        for entry, number, several in zip(chosen, store.slice_index[rows], volume, strict=True)
    ]

    def read(indices: NDArray[np.int64]) -> Images:
        dataset = SliceDataset(store, rows[indices], data.preparation.intensity)
        images: Images = dataset.batch(np.arange(len(indices)))[0][:, 0].numpy()
        return images

    return Scans(
        read=read,
        people=np.array([numbers[entry.group] for entry in chosen], np.int64),
        files=tuple(files),
        subjects=tuple(str(entry.subject) for entry in chosen),
        levels=levels,
        mirrored=mirrored,
    )


def batches(count: int, size: int = BATCH) -> list[NDArray[np.int64]]:
    """Indices 0 ... count - 1 in parts of at most `size`."""
    return [np.arange(start, min(start + size, count)) for start in range(0, count, size)]
