"""The file tree of a folder, and functions that make catalogs from it."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scanvq.cohort.catalog import SYNTHETIC, Catalog, CatalogError, Images
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.listing import divide_generated, list_scans
from scanvq.imaging.formats import READABLE, stem_of
from scanvq.imaging.paths import Paths
from scanvq.storage.run_directory import is_run

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validate": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
_MASK = re.compile(r"[_. -](?:mask|seg|segmentation|lesion|labels?|roi)$", re.IGNORECASE)
TABLES = (".csv", ".tsv", ".json", ".txt", ".md", ".bval", ".bvec")


@dataclass(frozen=True)
class Tree:
    """The files below a folder.

    Attributes:
        root: the folder, or the parent of a single file or table.
        scans: supported files and DICOM series, relative to the root, in natural order.
        others: number of files that are neither scans nor tables, by suffix.
        masks: number of files that are ignored as masks of other files.
        table: the CSV that was passed instead of a folder, or None.
        patients: PatientID of the scans that have one.
        listing_notes: on DICOM series that are no volume.
        generated: files that are left out because they are marked as synthetic.
        runs: run directories of ScanVQ, which are left out.
        special: pipes, sockets and devices, which are left out.
        suffix: of BIDS names, such as T2w: which scans are wanted; "" = the most common.
    """

    root: Path
    scans: Sequence[Path]
    others: Counter[str]
    masks: int = 0
    table: Path | None = None
    patients: Mapping[Path, str] = field(default_factory=dict)
    listing_notes: Sequence[str] = ()
    generated: Sequence[Path] = ()
    runs: Sequence[Path] = ()
    special: Sequence[Path] = ()
    suffix: str = ""

    def describe(self) -> str:
        """The files that are present instead of scans, and the supported suffixes."""
        counts = ", ".join(f"{count} {suffix}" for suffix, count in self.others.most_common(5))
        skipped = "".join(f"; {note}" for note in self._skipped())
        return f"found {counts or 'no files'}; supported are {', '.join(READABLE)}{skipped}"

    def notes(self) -> tuple[str, ...]:
        notes = []
        if (self.root / SYNTHETIC).exists():
            notes.append("these scans are synthetic, not of real patients")
        if self.masks:
            notes.append(f"{self.masks} files are ignored: their names are those of masks of other files")
        if self.others:
            counts = ", ".join(f"{count} {suffix}" for suffix, count in self.others.most_common(5))
            notes.append(f"unsupported files are ignored: {counts}")
        return (*notes, *self._skipped())

    def _skipped(self) -> list[str]:
        notes = list(self.listing_notes)
        if self.generated:
            notes.append(
                f"{len(self.generated):,} files are left out because they are marked as synthetic, such as "
                f"{self.generated[0]}; to train on them: --allow-synthetic"
            )
        if self.runs:
            notes.append(f"{len(self.runs):,} run directories of ScanVQ are left out, such as {self.runs[0]}")
        if self.special:
            notes.append(
                f"{len(self.special):,} files are left out because they are no regular files (pipes, "
                f"sockets, devices), such as {self.special[0]}"
            )
        return notes


def read_tree(folder: Path, *, allow_synthetic: bool = False, suffix: str = "") -> Tree:
    """Lists the files of a folder; hidden files and folders, and run directories of ScanVQ are ignored.

    Args:
        folder: the folder, a single file, or a table.
        allow_synthetic: keep files that are marked as synthetic.
        suffix: see `Tree`.
    """
    if folder.is_file() and folder.suffix.lower() in (".csv", ".tsv"):
        return Tree(root=folder.parent, scans=(), others=Counter(), table=folder)
    single = [Path(folder.name)] if folder.is_file() else []
    root = folder.parent if single else folder
    runs: list[Path] = []
    special: list[Path] = []
    listing = list_scans(root, single or _files(folder, runs, special), tables=TABLES)
    scans = Paths(single) if single else listing.scans
    generated = Paths()
    if not allow_synthetic:
        scans, generated = divide_generated(root, scans)
    others = listing.skipped
    others.update(
        path.suffix or path.name for path in listing.others if not path.name.lower().endswith(TABLES)
    )
    images = _in_natural_order(_without_masks(scans))
    masks = len(scans) - len(images)
    return Tree(
        root=root,
        scans=images,
        others=others,
        masks=masks,
        patients=listing.patients,
        listing_notes=listing.notes,
        generated=generated,
        runs=runs,
        special=special,
        suffix=suffix,
    )


def _files(folder: Path, runs: list[Path], special: list[Path]) -> Iterator[Path]:
    """Yields the files below a folder, relative to it; follows links, but visits each folder once.

    Run directories are not entered, but added to `runs`; pipes, sockets and devices are added to `special`.
    """
    visited: set[str] = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        visited.add(str(Path(parent).resolve()))
        folders[:] = [
            name for name in folders if name[0] != "." and str(Path(parent, name).resolve()) not in visited
        ]
        relative = Path(parent).relative_to(folder)
        if is_run(files):
            runs.append(relative)
            folders.clear()
            continue
        for name in files:
            if name[0] == ".":
                continue
            if _is_special(Path(parent, name)):
                special.append(relative / name)
            else:
                yield relative / name


def _is_special(path: Path) -> bool:
    """Whether a path is neither a file nor missing."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:  # reported when it is read
        return False


def _without_masks(scans: Paths) -> Paths:
    """Removes x_mask.png and similar files if there is a file x."""
    masked = {stem for path in scans if (stem := _masked_stem(path))}
    present = {stem for path in scans if (stem := stem_of(path)) in masked}
    return Paths(path for path in scans if _masked_stem(path) not in present) if present else scans


def _masked_stem(path: Path) -> str | None:
    """The stem of the file that a mask belongs to, by its name; None for files that are no masks."""
    stem = stem_of(path)
    base = _MASK.sub("", stem)
    return base if base != stem else None


def _in_natural_order(paths: Paths) -> Paths:
    order = sorted(range(len(paths)), key=lambda number: natural_key(paths.text(number)))
    return Paths(paths[number] for number in order)


def natural_key(path: str) -> str:
    """A sort key for natural order, in which slice_2 precedes slice_10.

    Every part ends with NUL, which no path contains. A number begins with its number of digits.
    """
    parts = re.split(r"(\d+)", path)
    for index in range(1, len(parts), 2):
        digits = str(int(parts[index]))
        parts[index] = f"{chr(len(digits))}{digits}{parts[index]}"
    return "\0".join(parts)


def strip_common_folders(paths: Sequence[Path]) -> Sequence[Path]:
    """The paths without their common leading folders."""
    shared = paths[0].parts[:-1] if paths else ()
    for path in paths:
        while path.parts[:-1][: len(shared)] != shared:
            shared = shared[:-1]
    return Paths(Path(*path.parts[len(shared) :]) for path in paths) if shared else paths


def prefer_patient_ids(
    tree: Tree, paths: Sequence[Path], names: Sequence[str], known: Container[str]
) -> list[str]:
    """Replaces subjects by the PatientID of their headers, if there is one and no table lists the subject.

    Args:
        tree: the files.
        paths: paths of the scans.
        names: subjects of the scans, identified by path.
        known: subjects of a table.
    """
    return [
        name if name in known else tree.patients.get(path, name)
        for path, name in zip(paths, names, strict=True)
    ]


def make_catalog(tree: Tree, layout: str, entries: Entries, notes: Sequence[str] = ()) -> Catalog:
    """A catalog of entries, whose order is kept; missing labels are noted."""
    counts = Counter(entry.label for entry in entries)
    unlabeled = counts.pop(None, 0)
    labels = tuple(sorted(label for label in counts if label is not None))
    all_notes = [*notes, *tree.notes()]
    if labels and unlabeled:
        all_notes.append(
            f"{unlabeled} of {len(entries)} files have no label; they train without a class condition"
        )
    return Catalog(root=tree.root, layout=layout, entries=entries, labels=labels, notes=tuple(all_notes))


def require_original_images(images: Images, layout: str) -> None:
    """Raises CatalogError if segmentations are requested and the layout has none."""
    if images != "original":
        raise CatalogError(f"images is {images!r}, but a {layout} data set has no segmentations")
