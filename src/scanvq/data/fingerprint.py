"""The fingerprint of a data set: what a person would want to know of it before training."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from scanvq.data.catalog import Catalog, Entry
from scanvq.data.formats import READABLE, Header, Plane, UnreadableScan, check, format_of, is_inside
from scanvq.data.geometry import size_at
from scanvq.data.headers import Progress, read_headers

SAMPLE = 64  # files whose pixels are looked at
EXAMPLES = 4  # files that show who is who
PERCENTILES = (0.1, 1, 50, 99, 99.9)


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
        JSON values: files, slices, subjects, who is who, splits, labels, sizes, types, intensities, and
        `odd`, a list of sentences on whatever a user should look at.
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
    intensities, pixel_problems = _intensities(catalog, [entry for entry, _ in good], plane)
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
        "sizes": dict(sizes.most_common()),
        "types": dict(Counter(str(header.dtype) for _, header in good).most_common()),
        "intensities": intensities,
        "notes": list(catalog.notes),
        "odd": [*unreadable, *pixel_problems, *_odd(good, sizes)],
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


def _intensities(
    catalog: Catalog, entries: Sequence[Entry], plane: Plane
) -> tuple[dict[str, float], list[str]]:
    """Percentiles over a sample of files, their foreground, and files of the sample that are of no use."""
    chosen = [entries[i] for i in np.linspace(0, len(entries) - 1, min(SAMPLE, len(entries))).astype(int)]
    pixels, problems = [], []
    seen: dict[str, Entry] = {}
    for entry in chosen:
        path = catalog.root / entry.path
        try:
            scan = format_of(path).read(path, plane=plane)
        except UnreadableScan as error:
            problems.append(str(error))
            continue
        if reason := check(scan):
            problems.append(f"{entry.path}: {reason}")
            continue
        digest = hashlib.sha256(np.ascontiguousarray(scan.slices).tobytes()).hexdigest()
        if digest in seen:
            problems.append(f"{entry.path} has the same pixels as {seen[digest].path}")
        seen.setdefault(digest, entry)
        pixels.append(scan.slices.ravel()[:: max(1, scan.slices.size // 50_000)].astype(np.float64))
    if not pixels:
        return {}, problems
    values = np.concatenate(pixels)
    found = {
        f"p{q:g}": float(v) for q, v in zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)
    }
    low, high = found["p0.1"], found["p99.9"]
    bright = float((values > low + 0.1 * (high - low)).mean())
    return {
        "minimum": float(values.min()),
        **found,
        "maximum": float(values.max()),
        "foreground": bright,
    }, problems


def _odd(good: Sequence[tuple[Entry, Header]], sizes: Counter[str]) -> list[str]:
    found = []
    if len(sizes) > 1:
        common, count = sizes.most_common(1)[0]
        found.append(f"{sum(sizes.values()) - count} slices are not {common}, the most common size")
    remarks = Counter(remark for _, header in good for remark in header.remarks)
    found += [f"{count} files: {remark}" for remark, count in remarks.most_common()]
    if len({header.dtype for _, header in good}) > 1:
        found.append("files differ in pixel type")
    return found


def _kind(entry: Entry) -> str:
    """A file's suffix; of what has none, the kind of scan that it is."""
    name = entry.path.name.lower()
    found = next((suffix for suffix in READABLE if name.endswith(suffix)), None)
    return found or ("inside a file" if is_inside(entry.path) else "DICOM")
