"""Label maps of real scans, from a folder beside them, at the size of the network's images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanvq.evaluation.split_images import SplitImages
from scanvq.imaging.formats import Plane, Scan, format_of, stem_of
from scanvq.imaging.intensity import Intensity
from scanvq.imaging.preparation import Preparation
from scanvq.inference.scan_files import scan_files
from scanvq.model.model import Model
from scanvq.model.scans import prepare_scan

PREFIX = re.compile(r"^(case|seg)_", re.IGNORECASE)
LAST_PART = re.compile(r"[_-][a-z][a-z0-9]*$", re.IGNORECASE)  # _T1w, _tissue, _mask

Maps = NDArray[np.int64]


class MaskError(ValueError):
    """A folder of label maps that cannot be used."""


class LabelMaps:
    """The label maps of a folder, by the name of their scan.

    A map belongs to a scan whose name is the same, but for the type of the file, for `seg_` in place of
    `case_`, or for a last part such as `_T1w` or `_mask`; a map that could belong to two scans is not used.

    Args:
        folder: files of any format that scans have; whole numbers, 0 for the background.
        model: whose geometry and plane are used.

    Raises:
        MaskError: no folder, or nothing in it.
    """

    def __init__(self, folder: Path, model: Model) -> None:
        if not folder.is_dir():
            raise MaskError(f"--masks is {folder}, which is no folder")
        self.folder = folder
        self.plane: Plane = model.plane
        self.preparation = Preparation(geometry=model.preparation.geometry, intensity=Intensity(kind="unit"))
        self._files: dict[str, Path | None] = {}
        for file in scan_files([folder]):
            for key in _keys(file):
                self._files[key] = None if key in self._files else file

    def indices(self, part: SplitImages) -> NDArray[np.int64]:
        """Indices of the images of a split that have a map."""
        return np.flatnonzero(np.isin(_entries(part), list(self._of_entries(part))))

    def read(self, part: SplitImages, chosen: NDArray[np.int64]) -> Maps:
        """The maps of some images of a split, (n, H, W).

        Args:
            part: the split.
            chosen: of `indices`.

        Raises:
            MaskError: a map with fewer slices than its scan, or of numbers that are not whole.
        """
        files, entries = self._of_entries(part), _entries(part)[chosen]
        slices = part.data.store.slice_index[part.data.rows(part.split)][chosen]
        geometry = self.preparation.geometry
        maps = np.zeros((len(chosen), geometry.height, geometry.width), np.int64)
        for entry in np.unique(entries):
            own = np.flatnonzero(entries == entry)
            maps[own] = self._read(files[int(entry)], slices[own])
        return maps

    def _of_entries(self, part: SplitImages) -> dict[int, Path]:
        """The file of each entry of a split's catalog that has one."""
        entries = part.data.catalog.entries
        paths = {int(number): entries[int(number)].path for number in np.unique(_entries(part))}
        counts: dict[str, int] = {}
        for path in paths.values():
            for key in _keys(path):
                counts[key] = counts.get(key, 0) + 1
        found = {}
        for entry, path in paths.items():
            keys = [key for key in _keys(path) if counts[key] == 1]
            file = next((file for key in keys if (file := self._files.get(key)) is not None), None)
            if file is not None:
                found[entry] = file
        return found

    def _read(self, file: Path, slices: NDArray[np.int64]) -> Maps:
        scan = format_of(file).read(file, plane=self.plane)
        if slices.max() >= len(scan.slices):
            raise MaskError(f"{file} has {len(scan.slices)} slices, its scan at least {slices.max() + 1}")
        pixels = scan.slices[slices]
        if not np.array_equal(pixels, np.rint(pixels)):
            raise MaskError(f"{file} has values that are not whole numbers; label maps have")
        labels = np.unique(pixels)
        spacing = self.preparation.geometry.spacing
        fallback = None if spacing is None else (spacing, spacing)
        shares = [
            prepare_scan(
                Scan(slices=(pixels == label).astype(np.float32), spacing=scan.spacing or fallback),
                self.preparation,
            )[:, 0].numpy()
            for label in labels
        ]
        largest = labels[np.argmax(shares, axis=0)]
        covered = np.sum(shares, axis=0) > 0.5  # what the preparation pads is background
        return np.where(covered, largest, 0).astype(np.int64)


def _entries(part: SplitImages) -> NDArray[np.int64]:
    """The entry of the catalog of every image of a split."""
    entries: NDArray[np.int64] = part.data.store.entry[part.data.rows(part.split)]
    return entries


def _keys(path: Path) -> Iterator[str]:
    """The names by which a map is found, the best first."""
    stem = PREFIX.sub("", stem_of(path)).lower()
    yield stem
    if (shorter := LAST_PART.sub("", stem)) != stem:
        yield shorter
