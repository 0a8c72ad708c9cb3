"""BIDS layout: sub-*/[ses-*/]anat/, with or without a participants.tsv."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from scanvq.cohort.catalog import Catalog, CatalogError, Entry, Images
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.subject_matching import match_names
from scanvq.cohort.layouts.subjects import labels_of_rows, read_rows
from scanvq.cohort.layouts.tree import Tree, make_catalog, require_original_images

PARTICIPANTS = "participants.tsv"
_SCAN = re.compile(
    r"(?P<root>(?:.*/)?)(?P<subject>sub-[A-Za-z0-9]+)/(?:ses-[A-Za-z0-9]+/)?anat/"
    r"(?P=subject)_(?:.*_)?(?P<contrast>[A-Za-z0-9]+)\.nii(?:\.gz)?"
)
_MASK_SUFFIXES = {"mask", "dseg", "probseg", "defacemask"}
_IGNORED_FOLDERS = {"derivatives", "sourcedata", "code", "stimuli"}


def read_bids(tree: Tree, images: Images) -> Catalog | None:
    """The anatomical scans of the most common contrast; T1w if several are equally common."""
    counts = Counter(match["contrast"] for _, match in _anatomical(tree))
    if not counts:
        return None
    require_original_images(images, "BIDS")
    contrast = min(counts, key=lambda name: (-counts[name], name != "T1w", name))
    first = next(match for _, match in _anatomical(tree))
    labels = _labels(tree.root / first["root"] / PARTICIPANTS)
    id_of = match_names(labels, (match["subject"] for _, match in _anatomical(tree)))
    entries = Entries(
        Entry(
            path=path,
            subject=match["subject"],
            group=match["subject"],
            split=None,
            label=labels.get(id_of.get(match["subject"], "")),
        )
        for path, match in _anatomical(tree)
        if match["contrast"] == contrast
    )
    notes = []
    if others := ", ".join(f"{count} {name}" for name, count in counts.items() if name != contrast):
        notes.append(
            f"only {contrast} scans are used; ignored: {others} (list the files in a CSV to use these)"
        )
    if ignored := len(tree.scans) - counts.total():
        notes.append(f"{ignored} scans that are not anatomical, or derived, are ignored")
    return make_catalog(tree, "BIDS", entries, notes)


def _anatomical(tree: Tree) -> Iterator[tuple[Path, re.Match[str]]]:
    for path in tree.scans:
        match = _SCAN.fullmatch(path.as_posix())
        if (
            match
            and not _IGNORED_FOLDERS & set(path.parts)
            and match["contrast"].lower() not in _MASK_SUFFIXES
        ):
            yield path, match


def _labels(table: Path) -> dict[str, str | None]:
    """Participant -> label, from the first label column; empty without a table.

    Raises:
        CatalogError: a table that cannot be read, without participant_id, or with contradicting rows.
    """
    if not table.is_file():
        return {}
    rows = read_rows(table)
    if rows and "participant_id" not in rows[0]:
        raise CatalogError(f"{table} has no column participant_id; it has {', '.join(rows[0])}")
    return labels_of_rows(table, rows, "participant_id")
