"""A folder's files, and how entries and catalogs are made of them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scanvq.data.catalog import SYNTHETIC, Catalog, CatalogError, Entry, Images
from scanvq.data.formats import READABLE
from scanvq.data.formats.listing import list_scans

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
_MASK = re.compile(r"[_-](?:mask|seg|segmentation|lesion|labels?|roi)$", re.IGNORECASE)
TABLES = (".csv", ".tsv", ".json", ".txt", ".md", ".bval", ".bvec")


@dataclass(frozen=True)
class Tree:
    """The files below a folder.

    Attributes:
        root: the folder, or that of the single file or table given.
        scans: readable files and series of them, relative to the root, in natural order.
        others: suffixes of files that are neither scans nor tables, with their numbers.
        masks: number of files left out because they are masks of other files here.
        table: the CSV that was given in place of a folder, or None.
        patients: the PatientID of scans whose headers hold one.
    """

    root: Path
    scans: tuple[Path, ...]
    others: Counter[str]
    masks: int = 0
    table: Path | None = None
    patients: Mapping[Path, str] = field(default_factory=dict)

    def told(self) -> str:
        """What is there instead of scans, and what would be read."""
        found = ", ".join(f"{count} {suffix}" for suffix, count in self.others.most_common(5))
        return f"found {found or 'no files'}; readable are {', '.join(READABLE)}"

    def notes(self) -> tuple[str, ...]:
        notes = []
        if (self.root / SYNTHETIC).exists():
            notes.append("these scans are synthetic: they are of nobody")
        if self.masks:
            notes.append(
                f"{self.masks} files are left alone: their names say that they are masks of others here"
            )
        if self.others:
            found = ", ".join(f"{count} {suffix}" for suffix, count in self.others.most_common(5))
            notes.append(f"files of other kinds are left alone: {found}")
        return tuple(notes)


def read_tree(folder: Path) -> Tree:
    """Lists a folder without opening anything; hidden files and folders are passed over."""
    if folder.is_file() and folder.suffix.lower() in (".csv", ".tsv"):
        return Tree(root=folder.parent, scans=(), others=Counter(), table=folder)
    files = [Path(folder.name)] if folder.is_file() else list(_files(folder))
    root = folder.parent if folder.is_file() else folder
    found = list_scans(root, files, tables=TABLES)
    scans = tuple(files) if folder.is_file() else found.scans
    others = found.left
    others.update(path.suffix or path.name for path in found.rest if not path.name.lower().endswith(TABLES))
    images = _without_masks(scans)
    masks = len(scans) - len(images)
    ordered = tuple(sorted(images, key=natural))
    return Tree(root=root, scans=ordered, others=others, masks=masks, patients=found.patients)


def _files(folder: Path) -> Iterator[Path]:
    """Files below a folder, relative to it, through links to folders too, each folder once."""
    visited: set[str] = set()
    for here, inside, files in os.walk(folder, followlinks=True):
        visited.add(str(Path(here).resolve()))
        inside[:] = [
            name for name in inside if name[0] != "." and str(Path(here, name).resolve()) not in visited
        ]
        yield from (Path(here, name).relative_to(folder) for name in files if name[0] != ".")


def _without_masks(scans: Sequence[Path]) -> list[Path]:
    """Leaves out x_mask.png and the like, where there is an x as well."""
    stems = {path.name.split(".")[0] for path in scans}
    return [
        path
        for path in scans
        if (stem := path.name.split(".")[0]) == (base := _MASK.sub("", stem)) or base not in stems
    ]


def natural(path: Path) -> tuple[tuple[int, int, str], ...]:
    """A sort key by which slice_2 comes before slice_10."""
    pieces = re.split(r"(\d+)", path.as_posix())
    return tuple((1, int(p), p) if p.isdigit() else (0, 0, p) for p in pieces)


def below_common(paths: Sequence[Path]) -> list[Path]:
    """The paths without the leading folders that all of them share."""
    folders = [path.parts[:-1] for path in paths]
    shared = 0
    while folders and all(len(parts) > shared and parts[shared] == folders[0][shared] for parts in folders):
        shared += 1
    return [Path(*path.parts[shared:]) for path in paths]


def by_patients(tree: Tree, paths: Sequence[Path], names: Sequence[str], known: Container[str]) -> list[str]:
    """Subjects by the PatientID of their headers, where there is one and no table knows them by their paths.

    Args:
        tree: the files.
        paths: the scans.
        names: who they are of by their paths.
        known: the subjects of a table.
    """
    return [
        name if name in known else tree.patients.get(path, name)
        for path, name in zip(paths, names, strict=True)
    ]


def make_catalog(tree: Tree, layout: str, entries: Sequence[Entry], notes: Sequence[str] = ()) -> Catalog:
    """A catalog of entries in their order; partial labels are noted."""
    labels = tuple(sorted({entry.label for entry in entries if entry.label is not None}))
    unlabeled = sum(entry.label is None for entry in entries)
    said = [*notes, *tree.notes()]
    if labels and unlabeled:
        said.append(f"{unlabeled} of {len(entries)} files have no label; they count as of any class")
    return Catalog(root=tree.root, layout=layout, entries=tuple(entries), labels=labels, notes=tuple(said))


def only_original(images: Images, layout: str) -> None:
    """Raises CatalogError where segmentations are asked for and the layout has none."""
    if images != "original":
        raise CatalogError(f"images is {images!r}, but a {layout} data set has no segmentations of its own")
