"""Files of codes: npz with the grids of every slice, and what brings them back to a scan's size and units."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scanvq.imaging.formats import Provenance, Scan, Spacing
from scanvq.imaging.preparation import Slice
from scanvq.storage.files import atomic_write
from scanvq.types import Codes


class CodeFileError(ValueError):
    """A file of codes that is damaged, or not of this tokenizer."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where some slices come from: enough to give decoded images the scan's size, type and units."""

    name: str
    shape: tuple[int, int, int]
    dtype: str
    low: float
    high: float
    spacing: Spacing | None = None

    @classmethod
    def of(cls, name: str, scan: Scan) -> Origin:
        count, height, width = scan.slices.shape
        return cls(
            name=name,
            shape=(count, height, width),
            dtype=str(scan.slices.dtype),
            low=float(scan.slices.min()),
            high=float(scan.slices.max()),
            spacing=scan.spacing,
        )

    def slices(self) -> list[Slice]:
        """Slices of the size, type and range of the scan's, without its content."""
        count, height, width = self.shape
        blank = np.full((height, width), self.low).astype(self.dtype)
        one = Slice(pixels=blank, file_low=self.low, file_high=self.high, spacing=self.spacing)
        return [one] * count


def write_codes(
    path: Path,
    tokenizer_id: str,
    codes: Codes,
    origins: list[Origin],
    *,
    provenance: Provenance | None = None,
) -> None:
    """Writes codes, (n, h, w) a level.

    Args:
        path: of the npz file.
        tokenizer_id: content id of the tokenizer.
        codes: of every level.
        origins: the scans that they come from, in their order; empty for codes that were drawn.
        provenance: the prior and the seed that drew them.
    """
    arrays: dict[str, Any] = {
        f"level_{number}": level.numpy().astype(np.int32) for number, level in enumerate(codes)
    }
    facts: dict[str, Any] = {
        "tokenizer": np.array(tokenizer_id),
        "files": np.array([o.name for o in origins], dtype=np.str_),
        "shapes": np.array([o.shape for o in origins], np.int64).reshape(-1, 3),
        "dtypes": np.array([o.dtype for o in origins], dtype=np.str_),
        "ranges": np.array([(o.low, o.high) for o in origins], np.float64).reshape(-1, 2),
        "spacings": np.array([o.spacing or (0, 0) for o in origins], np.float64).reshape(-1, 2),
        "file_of_slice": np.repeat(np.arange(len(origins)), [o.shape[0] for o in origins]),
    }
    if provenance is not None:
        facts["synthetic"] = np.array(str(provenance))
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays, **facts)


def read_code_file(path: Path, *, tokenizer_id: str) -> tuple[Codes, list[Origin]]:
    """The codes of a file, and where they come from.

    Raises:
        CodeFileError: no such file, no file of codes, or the codes of another tokenizer.
    """
    if not path.is_file():
        raise CodeFileError(f"there is no file {path}")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            arrays = {name: saved[name] for name in saved.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise CodeFileError(f"{path} is not a whole npz file: {error}") from None
    levels = [name for name in (f"level_{number}" for number in range(len(arrays))) if name in arrays]
    if not levels:
        raise CodeFileError(
            f"{path} holds no codes (no array level_0); it has {', '.join(arrays) or 'nothing'}"
        )
    if any(arrays[name].ndim != 3 or arrays[name].dtype.kind not in "iu" for name in levels):
        raise CodeFileError(f"{path}: every level must be integers of shape (n, h, w)")
    made_by = str(arrays["tokenizer"]) if "tokenizer" in arrays else None
    if made_by is not None and made_by != tokenizer_id:
        raise CodeFileError(f"{path} holds codes of tokenizer {made_by}; this run's is {tokenizer_id}")
    codes = tuple(torch.from_numpy(arrays[name].astype(np.int64)) for name in levels)
    return codes, _origins(arrays)


def read_provenance(path: Path) -> Provenance | None:
    """The prior and the seed that drew the codes of a file; None where they come from scans."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
        return Provenance.read(str(saved["synthetic"])) if "synthetic" in saved.files else None


def _origins(arrays: dict[str, np.ndarray]) -> list[Origin]:
    if "files" not in arrays:
        return []
    spacings = arrays.get("spacings", np.zeros((len(arrays["files"]), 2)))
    return [
        Origin(
            name=str(name),
            shape=(int(shape[0]), int(shape[1]), int(shape[2])),
            dtype=str(dtype),
            low=float(low),
            high=float(high),
            spacing=(float(down), float(across)) if down > 0 and across > 0 else None,
        )
        for name, shape, dtype, (low, high), (down, across) in zip(
            arrays["files"], arrays["shapes"], arrays["dtypes"], arrays["ranges"], spacings, strict=True
        )
    ]
