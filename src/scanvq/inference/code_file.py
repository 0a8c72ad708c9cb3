"""Code files: npz with the codes of every slice, and the size, type and units of the original scans."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scanvq.imaging.formats import FORMATS, Provenance, Scan, Source, Spacing, UnreadableScan
from scanvq.imaging.formats.format import PIXEL_LIMIT
from scanvq.imaging.formats.npz import read_arrays
from scanvq.imaging.preparation import Slice
from scanvq.storage.files import atomic_write
from scanvq.types import Codes

DTYPES = {"uint8", "uint16", "int16", "int32", "float32"}
"""Types of the pixels of scans."""


class CodeFileError(ValueError):
    """A code file is damaged, or belongs to another tokenizer."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The scan that slices come from: size, type and range, to restore decoded images, and its mark."""

    name: str
    shape: tuple[int, int, int]
    dtype: str
    low: float
    high: float
    spacing: Spacing | None = None
    source: Source = "scan"

    @classmethod
    def of(cls, name: str, scan: Scan, *, source: Source = "scan") -> Origin:
        count, height, width = scan.slices.shape
        return cls(
            name=name,
            shape=(count, height, width),
            dtype=str(scan.slices.dtype),
            low=float(scan.slices.min()),
            high=float(scan.slices.max()),
            spacing=scan.spacing,
            source=source,
        )

    def slices(self) -> list[Slice]:
        """Blank slices with the size, type and range of the scan."""
        count, height, width = self.shape
        pixels = np.full((height, width), self.low).astype(self.dtype)
        blank = Slice(pixels=pixels, file_low=self.low, file_high=self.high, spacing=self.spacing)
        return [blank] * count


def write_codes(
    path: Path,
    tokenizer_id: str,
    codes: Codes,
    origins: list[Origin],
    *,
    provenance: Provenance | None = None,
) -> None:
    """Writes codes, (n, h, w) for each level.

    Args:
        path: of the npz file.
        tokenizer_id: content id of the tokenizer.
        codes: of every level.
        origins: the original scans, in the order of the slices; empty for sampled codes.
        provenance: prior and seed of sampled codes.
    """
    arrays: dict[str, Any] = {
        f"level_{number}": level.numpy().astype(np.int32) for number, level in enumerate(codes)
    }
    metadata: dict[str, Any] = {
        "tokenizer": np.array(tokenizer_id),
        "levels": np.array(len(codes)),
        "files": np.array([origin.name for origin in origins], dtype=np.str_),
        "shapes": np.array([origin.shape for origin in origins], np.int64).reshape(-1, 3),
        "dtypes": np.array([origin.dtype for origin in origins], dtype=np.str_),
        "ranges": np.array([(origin.low, origin.high) for origin in origins], np.float64).reshape(-1, 2),
        "spacings": np.array([origin.spacing or (0, 0) for origin in origins], np.float64).reshape(-1, 2),
        "marked": np.array([origin.source == "synthetic" for origin in origins], np.bool_),
        "file_of_slice": np.repeat(np.arange(len(origins)), [origin.shape[0] for origin in origins]),
    }
    if provenance is not None:
        metadata["synthetic"] = np.array(str(provenance))
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays, **metadata)


def read_code_file(path: Path, *, tokenizer_id: str) -> tuple[Codes, list[Origin]]:
    """Reads the codes of a file, and their original scans.

    Raises:
        CodeFileError: no such file, not a code file, or codes of another tokenizer.
    """
    if not path.is_file():
        raise CodeFileError(f"there is no file {path}")
    try:
        arrays = read_arrays(path)
    except UnreadableScan as error:
        raise CodeFileError(str(error)) from None
    levels = [name for name in (f"level_{number}" for number in range(len(arrays))) if name in arrays]
    if not levels:
        raise CodeFileError(
            f"{path} has no codes (no array level_0); its arrays are {', '.join(arrays) or 'none'}"
        )
    if "levels" in arrays and str(arrays["levels"]) != str(len(levels)):
        raise CodeFileError(f"{path} is damaged: it has {len(levels)} of {arrays['levels']} levels of codes")
    if any(arrays[name].ndim != 3 or arrays[name].dtype.kind not in "iu" for name in levels):
        raise CodeFileError(f"{path}: every level must be integers of shape (n, h, w)")
    if len({len(arrays[name]) for name in levels}) > 1:
        raise CodeFileError(f"{path}: its levels are of different numbers of images")
    written_by = str(arrays["tokenizer"]) if "tokenizer" in arrays else None
    if written_by is not None and written_by != tokenizer_id:
        raise CodeFileError(
            f"{path} has codes of tokenizer {written_by}, but the tokenizer of this run is {tokenizer_id}; "
            "decode the file with the run that encoded it"
        )
    codes = tuple(torch.from_numpy(arrays[name].astype(np.int64)) for name in levels)
    return codes, _origins(path, arrays, len(codes[0]))


def read_provenance(path: Path) -> Provenance | None:
    """Prior and seed of the sampled codes of a file; None for codes of scans."""
    return FORMATS["npz"].provenance(path)


def _origins(path: Path, arrays: dict[str, np.ndarray], count: int) -> list[Origin]:
    """The original scans of `count` slices. Raises CodeFileError if they do not fit each other."""
    if "files" not in arrays:
        return []
    files = len(arrays["files"]) if arrays["files"].ndim == 1 else -1
    spacings = arrays.get("spacings", np.zeros((max(files, 0), 2)))
    marked = arrays.get("marked", np.zeros(max(files, 0), np.bool_))
    for name, kind, axes in (("shapes", "iu", (3,)), ("dtypes", "U", ()), ("ranges", "f", (2,))):
        if name not in arrays or arrays[name].dtype.kind not in kind or arrays[name].shape != (files, *axes):
            raise CodeFileError(f"{path}: its array {name} does not fit its {max(files, 0)} files")
    if spacings.dtype.kind != "f" or spacings.shape != (files, 2):
        raise CodeFileError(f"{path}: its array spacings does not fit its {files} files")
    if marked.dtype != np.bool_ or marked.shape != (files,):
        raise CodeFileError(f"{path}: its array marked does not fit its {files} files")
    shapes = [[int(length) for length in shape] for shape in arrays["shapes"]]
    if files and (min(map(min, shapes)) < 1 or sum(shape[0] for shape in shapes) != count):
        raise CodeFileError(f"{path}: the shapes of its files do not fit its codes of {count} slices")
    if any(height * width > PIXEL_LIMIT for _, height, width in shapes):
        raise CodeFileError(f"{path}: the shapes of its files are larger than those of any scan")
    if unknown := sorted(set(arrays["dtypes"].tolist()) - DTYPES):
        raise CodeFileError(f"{path}: its dtypes are {', '.join(unknown)[:80]}; allowed: {', '.join(DTYPES)}")
    if not np.isfinite(arrays["ranges"]).all() or (arrays["ranges"][:, 0] > arrays["ranges"][:, 1]).any():
        raise CodeFileError(f"{path}: its array ranges holds no ranges of intensities")
    columns = (arrays["files"], arrays["shapes"], arrays["dtypes"], arrays["ranges"], spacings, marked)
    return [
        Origin(
            name=str(name),
            shape=(int(shape[0]), int(shape[1]), int(shape[2])),
            dtype=str(dtype),
            low=float(low),
            high=float(high),
            spacing=(float(down), float(across)) if down > 0 and across > 0 else None,
            source="synthetic" if mark else "scan",
        )
        for name, shape, dtype, (low, high), (down, across), mark in zip(*columns, strict=True)
    ]
