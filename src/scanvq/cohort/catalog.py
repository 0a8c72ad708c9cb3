"""The catalog: the files of a data set with subject, group, split and label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SYNTHETIC = "SYNTHETIC.txt"
"""Name of the file that marks the scans of a folder as synthetic; reports mention it."""

Images = Literal["original", "segmented"]


class CatalogError(ValueError):
    """A folder from which no catalog can be made. The message is for the user and suggests a remedy."""


@dataclass(frozen=True)
class Entry:
    """One file of a data set.

    Attributes:
        path: relative to the catalog's root.
        subject: subject identifier.
        group: unit that is never divided between splits: a subject, or several that may be one person.
        split: "train", "validation", "test", or None if the data set has no predefined splits.
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
        root: folder that the paths are relative to.
        layout: name of the folder layout.
        entries: at least one; layouts return packed ones, see `Entries`.
        labels: sorted class names.
        notes: remarks for the user.
    """

    root: Path
    layout: str
    entries: Sequence[Entry]
    labels: tuple[str, ...]
    notes: tuple[str, ...]
