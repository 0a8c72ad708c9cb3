"""The fingerprint of a data set: what a person would want to know of it before training."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scanvq.data.catalog import Catalog, Entry
from scanvq.data.formats import READABLE, Header, Plane, UnreadableScan, is_inside
from scanvq.data.geometry import size_at
from scanvq.data.headers import Progress, read_headers
from scanvq.data.pixel_summary import summarize_pixels

EXAMPLES = 4  # files that show who is who


def fingerprint(
    catalog: Catalog,
    *,
    plane: Plane = "axial",
    spacing: float | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Headers of all files, pixels of a few of them.

    Args:
        catalog: as read.
        plane: how volumes are cut.
        spacing: tell the sizes that slices have once resampled to this many millimeters a pixel; those of
            files that do not say how large their pixels are stay.
        progress: called with headers read and all files.

    Returns:
        JSON values: files, slices, subjects, who is who, splits, labels, sizes, spacings (mm from row to row
        x column to column), orientations of the stored axes, types, intensities, the box of the foreground,
        and `odd`, a list of sentences on whatever a user should look at.
    """
    headers = read_headers(catalog, plane=plane, progress=progress)
    good = [
        (entry, header)
        for entry, header in zip(catalog.entries, headers, strict=True)
        if isinstance(header, Header)
    ]
    sizes: Counter[str] = Counter()
    for _, header in good:
        height, width = header.height, header.width
        if spacing is not None and header.spacing is not None:
            height, width = size_at((height, width), header.spacing, spacing)
        sizes[f"{height}x{width}"] += header.slices
    pixels = summarize_pixels(catalog, [entry for entry, _ in good], plane)
    unreadable = [str(header) for header in headers if isinstance(header, UnreadableScan)]
    return {
        "folder": str(catalog.root),
        "layout": catalog.layout,
        "files": len(catalog.entries),
        "slices": sum(header.slices for _, header in good),
        "subjects": len({entry.subject for entry in catalog.entries}),
        "groups": len({entry.group for entry in catalog.entries}),
        "splits": _by_split(good),
        "who": _who(catalog),
        "labels": dict(sorted(Counter(e.label for e in catalog.entries if e.label is not None).items())),
        "formats": dict(Counter(_kind(entry) for entry in catalog.entries).most_common()),
        "slices_a_subject": _slices_a_subject(good),
        "sizes": dict(sizes.most_common()),
        "spacings": _told(good, lambda header: "x".join(f"{mm:.3g}" for mm in header.spacing or ())),
        "orientations": _told(good, lambda header: header.orientation),
        "types": _told(good, lambda header: str(header.dtype)),
        "intensities": pixels.intensities,
        "foreground_box": pixels.box,
        "notes": list(catalog.notes),
        "odd": [*unreadable, *pixels.problems, *_odd(good, sizes)],
    }


def _who(catalog: Catalog) -> list[dict[str, str | None]]:
    """A few files from all over the catalog, each with what it was taken for."""
    chosen = np.linspace(0, len(catalog.entries) - 1, min(EXAMPLES, len(catalog.entries))).astype(int)
    return [
        {
            "path": entry.path.as_posix(),
            "subject": entry.subject,
            "group": entry.group,
            "label": entry.label,
            "split": entry.split,
        }
        for entry in (catalog.entries[index] for index in chosen)
    ]


def _by_split(good: Sequence[tuple[Entry, Header]]) -> dict[str, dict[str, int]]:
    groups: dict[str, list[tuple[Entry, Header]]] = defaultdict(list)
    for entry, header in good:
        groups[entry.split or "not split yet"].append((entry, header))
    return {
        split: {
            "files": len(members),
            "slices": sum(header.slices for _, header in members),
            "subjects": len({entry.subject for entry, _ in members}),
        }
        for split, members in groups.items()
    }


def _slices_a_subject(good: Sequence[tuple[Entry, Header]]) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for entry, header in good:
        counts[entry.subject] += header.slices
    if not counts:
        return {}
    values = np.array(list(counts.values()))
    return {"fewest": int(values.min()), "median": float(np.median(values)), "most": int(values.max())}


def _told(good: Sequence[tuple[Entry, Header]], what: Callable[[Header], str | None]) -> dict[str, int]:
    """How many files' headers say what; files that do not say it are not counted."""
    return dict(Counter(told for _, header in good if (told := what(header))).most_common())


def _odd(good: Sequence[tuple[Entry, Header]], sizes: Counter[str]) -> list[str]:
    found = []
    if len(sizes) > 1:
        common, count = sizes.most_common(1)[0]
        found.append(f"{sum(sizes.values()) - count} slices are not {common}, the most common size")
    remarks = Counter(remark for _, header in good for remark in header.remarks)
    found += [f"{count} files: {remark}" for remark, count in remarks.most_common()]
    if len({header.dtype for _, header in good}) > 1:
        found.append("files differ in pixel type")
    if len({header.orientation for _, header in good}) > 1:
        found.append("files differ in how their axes are stored; slices are cut the same way from all")
    return found


def _kind(entry: Entry) -> str:
    """A file's suffix; of what has none, the kind of scan that it is."""
    name = entry.path.name.lower()
    found = next((suffix for suffix in READABLE if name.endswith(suffix)), None)
    return found or ("inside a file" if is_inside(entry.path) else "DICOM")
