"""The catalog: which files a folder holds, of whom, in which split, with which label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SYNTHETIC = "SYNTHETIC.txt"
"""A file of this name in a folder says that its scans are nobody's; reports then say so."""

Images = Literal["original", "segmented"]


class CatalogError(ValueError):
    """A folder from which no catalog can be made; the message says what to do."""


@dataclass(frozen=True)
class Entry:
    """One file of a data set.

    Attributes:
        path: relative to the catalog's root.
        subject: who it is of.
        group: what must stay on one side of a split: the subject, or several that may be one person.
        split: "train", "validation", "test", or None where the data set brings no split.
        label: class name, or None.
    """

    path: Path
    subject: str
    group: str
    split: str | None
    label: str | None


@dataclass(frozen=True)
class Catalog:
    """The files of a data set, in natural order of their paths.

    Attributes:
        root: the folder that the paths are relative to.
        layout: what kind of tree it is.
        entries: at least one; those that a layout reads are packed, see `Entries`.
        labels: the class names, sorted.
        notes: what a user should know.
    """

    root: Path
    layout: str
    entries: Sequence[Entry]
    labels: tuple[str, ...]
    notes: tuple[str, ...]
