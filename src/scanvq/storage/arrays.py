"""Reading of the npz files of a run."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from scanvq.storage.files import DamagedFileError
from scanvq.storage.regular_file import open_regular

_DAMAGE = (ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error, NotImplementedError)


@contextmanager
def open_arrays(path: Path) -> Iterator[Mapping[str, NDArray]]:
    """The arrays of an npz file by name, each read when it is used. Never unpickles.

    Raises:
        DamagedFileError: the file is no npz file, or an array is missing or damaged; also for an array that
            the block finds wrong and raises a ValueError for.
        OSError: no such file, or no regular file.
    """
    try:
        with open_regular(path) as file:
            saved = np.load(file, allow_pickle=False)
            if not isinstance(saved, NpzFile):
                raise ValueError("it holds one array without a name")
            with saved:
                yield saved
    except DamagedFileError:
        raise
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise DamagedFileError(
            f"{path} is damaged ({reason}); delete it, and the next command makes it again"
        ) from None


def code_levels(saved: Mapping[str, NDArray]) -> tuple[NDArray, ...]:
    """The arrays level_0, level_1 and so on: codes (n, h, w) of each level, coarse to fine.

    Raises:
        ValueError: no level, a level that is not integers of that shape, or other numbers of images.
    """
    count = sum(name.startswith("level_") for name in saved)
    levels = tuple(saved[f"level_{number}"] for number in range(count))
    if not levels or any(level.ndim != 3 or level.dtype.kind not in "iu" for level in levels):
        raise ValueError("a level is not integers of shape (n, h, w)")
    if len({len(level) for level in levels}) != 1:
        raise ValueError("its levels are of different numbers of images")
    return levels


def numbers(saved: Mapping[str, NDArray], name: str, *, dimensions: int) -> NDArray:
    """An array of numbers. Raises ValueError for another type or number of axes."""
    values = saved[name]
    if values.dtype.kind not in "iuf" or values.ndim != dimensions:
        raise ValueError(f"{name} is not numbers with {dimensions} axes")
    return values
