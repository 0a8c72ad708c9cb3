"""A folder's files, and how entries and catalogs are made of them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scanvq.cohort.catalog import SYNTHETIC, Catalog, CatalogError, Images
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.listing import list_scans
from scanvq.imaging.formats import READABLE
from scanvq.imaging.paths import Paths

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
    scans: Sequence[Path]
    others: Counter[str]
    masks: int = 0
    table: Path | None = None
    patients: Mapping[Path, str] = field(default_factory=dict)

    def reported(self) -> str:
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
    alone = [Path(folder.name)] if folder.is_file() else []
    root = folder.parent if alone else folder
    found = list_scans(root, alone or _files(folder), tables=TABLES)
    scans = Paths(alone) if alone else found.scans
    others = found.left
    others.update(path.suffix or path.name for path in found.rest if not path.name.lower().endswith(TABLES))
    images = _in_natural_order(_without_masks(scans))
    masks = len(scans) - len(images)
    return Tree(root=root, scans=images, others=others, masks=masks, patients=found.patients)


def _files(folder: Path) -> Iterator[Path]:
    """Files below a folder, relative to it, through links to folders too, each folder once."""
    visited: set[str] = set()
    for here, inside, files in os.walk(folder, followlinks=True):
        visited.add(str(Path(here).resolve()))
        inside[:] = [
            name for name in inside if name[0] != "." and str(Path(here, name).resolve()) not in visited
        ]
        below = Path(here).relative_to(folder)
        yield from (below / name for name in files if name[0] != ".")


def _without_masks(scans: Paths) -> Paths:
    """Leaves out x_mask.png and the like, where there is an x as well."""
    masked = {of for path in scans if (of := _masked(path))}
    there = {stem for path in scans if (stem := path.name.split(".")[0]) in masked}
    return Paths(path for path in scans if _masked(path) not in there) if there else scans


def _masked(path: Path) -> str | None:
    """What a file is a mask of, by its name; None for one that is no mask."""
    stem = path.name.split(".")[0]
    base = _MASK.sub("", stem)
    return base if base != stem else None


def _in_natural_order(paths: Paths) -> Paths:
    order = sorted(range(len(paths)), key=lambda number: natural(paths.text(number)))
    return Paths(paths[number] for number in order)


def natural(path: str) -> str:
    """A sort key by which slice_2 comes before slice_10.

    Every piece ends with a character that no path holds. A number begins with how many digits it has.
    """
    pieces = re.split(r"(\d+)", path)
    for odd in range(1, len(pieces), 2):
        digits = str(int(pieces[odd]))
        pieces[odd] = f"{chr(len(digits))}{digits}{pieces[odd]}"
    return "\0".join(pieces)


def below_common(paths: Sequence[Path]) -> Sequence[Path]:
    """The paths without the leading folders that all of them share."""
    shared = paths[0].parts[:-1] if paths else ()
    for path in paths:
        while path.parts[:-1][: len(shared)] != shared:
            shared = shared[:-1]
    return Paths(Path(*path.parts[len(shared) :]) for path in paths) if shared else paths


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


def make_catalog(tree: Tree, layout: str, entries: Entries, notes: Sequence[str] = ()) -> Catalog:
    """A catalog of entries in their order; partial labels are noted."""
    counts = Counter(entry.label for entry in entries)
    unlabeled = counts.pop(None, 0)
    labels = tuple(sorted(label for label in counts if label is not None))
    said = [*notes, *tree.notes()]
    if labels and unlabeled:
        said.append(f"{unlabeled} of {len(entries)} files have no label; they count as of any class")
    return Catalog(root=tree.root, layout=layout, entries=entries, labels=labels, notes=tuple(said))


def only_original(images: Images, layout: str) -> None:
    """Raises CatalogError where segmentations are asked for and the layout has none."""
    if images != "original":
        raise CatalogError(f"images is {images!r}, but a {layout} data set has no segmentations of its own")
