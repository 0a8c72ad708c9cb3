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
    r"(?P=subject)_(?:.*_)?(?P<suffix>[A-Za-z0-9]+)\.nii(?:\.gz)?"
)
_MASK_SUFFIXES = {"mask", "dseg", "probseg", "defacemask"}
_IGNORED_FOLDERS = {"derivatives", "sourcedata", "code", "stimuli"}


def read_bids(tree: Tree, images: Images) -> Catalog | None:
    """The anatomical scans of one suffix: the requested one, else the most common, T1w before others.

    Raises:
        CatalogError: no scan has the requested suffix.
    """
    counts = Counter(match["suffix"] for _, match in _anatomical(tree))
    if not counts:
        return None
    require_original_images(images, "BIDS")
    suffix = tree.suffix or min(counts, key=lambda name: (-counts[name], name != "T1w", name))
    if suffix not in counts:
        there = ", ".join(f"{name} ({count})" for name, count in counts.most_common())
        raise CatalogError(f"data.suffix is {suffix!r}, but no scan in {tree.root} has it; there are {there}")
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
        if match["suffix"] == suffix
    )
    notes = []
    if others := ", ".join(f"{count} {name}" for name, count in counts.most_common() if name != suffix):
        example = next(name for name, _ in counts.most_common() if name != suffix)
        notes.append(f"only {suffix} scans are used, not {others}; to choose: --set data.suffix={example}")
    reasons = Counter(map(_why_not, tree.scans))
    if why := ", ".join(f"{count} {reason}" for reason, count in reasons.most_common() if reason):
        notes.append(f"scans that are left out: {why}")
    return make_catalog(tree, "BIDS", entries, notes)


def _why_not(path: Path) -> str:
    """Why a scan is left out, whatever its suffix; "" for an anatomical scan."""
    if derived := _IGNORED_FOLDERS & set(path.parts):
        return f"in {min(derived)}/"
    match = _SCAN.fullmatch(path.as_posix())
    if match is None:
        return "without a BIDS name" if "anat" in path.parts else f"not anatomical (in {path.parent.name}/)"
    if match["suffix"].lower() in _MASK_SUFFIXES:
        return "masks or segmentations"
    return ""


def _anatomical(tree: Tree) -> Iterator[tuple[Path, re.Match[str]]]:
    for path in tree.scans:
        match = _SCAN.fullmatch(path.as_posix())
        if match and not _why_not(path):
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
