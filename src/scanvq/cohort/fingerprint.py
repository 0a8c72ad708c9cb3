"""The fingerprint of a data set: what a person would want to know of it before training."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.cohort.entries import Entries
from scanvq.cohort.headers import Found
from scanvq.cohort.pixel_summary import summarize_pixels
from scanvq.imaging.formats import READABLE, Header, Plane, is_part_of_file
from scanvq.imaging.geometry import resampled_size
from scanvq.imaging.slice_selection import count_slices

EXAMPLES = 4  # files that show who is who


def fingerprint(
    catalog: Catalog,
    headers: Sequence[Found],
    *,
    plane: Plane,
    slices: str,
    spacing: float | None,
) -> dict[str, Any]:
    """Headers of all files, pixels of a few of them.

    All numbers of slices but `slices_in_files` are of those that a run uses. Which slices show foreground is
    seen in the pixels: volumes that were not looked at are taken to have the same share of it as those that
    were (all, where none was). Then `slices_estimated` is true, and each number is rounded for itself.

    Args:
        catalog: as read.
        headers: of its entries.
        plane: how volumes are cut.
        slices: which slices of a volume are used: foreground, all, FIRST:END or middle:COUNT.
        spacing: tell the sizes that slices have once resampled to this many millimeters a pixel, without
            those of files that do not say how large their pixels are, which cannot be prepared.

    Returns:
        JSON values: files, slices, which were chosen, whether they are estimated, volumes (files of several
        slices), all slices in the files, subjects, subject identification, splits, labels, sizes, spacings
        (mm from row to row x column to column), orientations of the stored axes, types, intensities, the box
        of the foreground, and `odd`, a list of sentences on whatever a user should look at.
    """
    good = _Readable(catalog, headers)
    pixels = summarize_pixels(catalog, good.entries, plane=plane, slices=slices)
    estimated = good.count(slices, pixels.used)
    sizes: dict[str, float] = defaultdict(float)
    for _, header, count in good:
        height, width = header.height, header.width
        if spacing is not None:
            if header.spacing is None:
                continue
            height, width = resampled_size((height, width), header.spacing, spacing)
        sizes[f"{height}x{width}"] += count
    of_size = Counter({size: whole for size, count in sizes.items() if (whole := round(count))})
    return {
        "folder": str(catalog.root),
        "layout": catalog.layout,
        "files": len(catalog.entries),
        "slices": round(sum(good.used)),
        "slices_chosen": slices,
        "slices_estimated": estimated,
        "volumes": sum(header.slices > 1 for header in good.headers),
        "slices_in_files": sum(header.slices for header in good.headers),
        "subjects": len({entry.subject for entry in catalog.entries}),
        "groups": len({entry.group for entry in catalog.entries}),
        "splits": _by_split(good),
        "who": _who(catalog),
        "labels": dict(sorted(Counter(e.label for e in catalog.entries if e.label is not None).items())),
        "formats": dict(Counter(_kind(entry) for entry in catalog.entries).most_common()),
        "slices_a_subject": _slices_a_subject(good),
        "sizes": dict(of_size.most_common()),
        "spacings": _reported(
            good.headers, lambda header: "x".join(f"{mm:.3g}" for mm in header.spacing or ())
        ),
        "orientations": _reported(good.headers, lambda header: header.orientation),
        "types": _reported(good.headers, lambda header: str(header.dtype)),
        "intensities": pixels.intensities,
        "foreground_box": pixels.box,
        "notes": list(catalog.notes),
        "odd": [
            *good.problems,
            *pixels.problems,
            *_without(good, slices, pixels.used),
            *_odd(good.headers, of_size),
        ],
    }


class _Readable:
    """The entries whose headers can be read, with these.

    Attributes:
        entries: packed.
        headers: of each of them.
        used: how many of each one's slices are used, see `count`.
        problems: a sentence for every other entry.
    """

    def __init__(self, catalog: Catalog, headers: Iterable[Found]) -> None:
        self.headers: list[Header] = []
        self.used = array("d")
        self.problems: list[str] = []
        self.entries = Entries(self._keep(zip(catalog.entries, headers, strict=True)))

    def __iter__(self) -> Iterator[tuple[Entry, Header, float]]:
        return zip(self.entries, self.headers, self.used, strict=True)

    def count(self, slices: str, looked_at: Mapping[int, int]) -> bool:
        """Sets `used`, and returns whether that is estimated for some files."""
        volumes = [place for place in looked_at if self.headers[place].slices > 1]
        total = sum(self.headers[place].slices for place in volumes)
        share = sum(looked_at[place] for place in volumes) / total if total else 1.0
        estimated = False
        for place, header in enumerate(self.headers):
            known = count_slices(header.slices, slices)
            known = looked_at.get(place) if known is None else known
            estimated |= known is None
            self.used.append(header.slices * share if known is None else known)
        return estimated

    def _keep(self, found: Iterable[tuple[Entry, Found]]) -> Iterator[Entry]:
        for entry, header in found:
            if isinstance(header, Header):
                self.headers.append(header)
                yield entry
            else:
                self.problems.append(str(header))


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


def _by_split(good: _Readable) -> dict[str, dict[str, int]]:
    files: Counter[str] = Counter()
    slices: dict[str, float] = defaultdict(float)
    subjects: dict[str, set[str]] = defaultdict(set)
    for entry, _, count in good:
        split = entry.split or "not split yet"
        files[split] += 1
        slices[split] += count
        subjects[split].add(entry.subject)
    return {
        split: {"files": count, "slices": round(slices[split]), "subjects": len(subjects[split])}
        for split, count in files.items()
    }


def _slices_a_subject(good: _Readable) -> dict[str, float]:
    counts: dict[str, float] = defaultdict(float)
    for entry, _, count in good:
        counts[entry.subject] += count
    if not counts:
        return {}
    values = np.rint(list(counts.values()))
    return {"fewest": int(values.min()), "median": float(np.median(values)), "most": int(values.max())}


def _reported(headers: Sequence[Header], what: Callable[[Header], str | None]) -> dict[str, int]:
    """How many files' headers say what; files that do not say it are not counted."""
    return dict(Counter(reported for header in headers if (reported := what(header))).most_common())


def _without(good: _Readable, slices: str, looked_at: Mapping[int, int]) -> list[str]:
    """Files that a run would refuse, since it would use none of their slices."""
    found = [
        entry.path
        for place, (entry, header, count) in enumerate(good)
        if count == 0 and (count_slices(header.slices, slices) is not None or place in looked_at)
    ]
    return [f"{len(found)} files have no slice left by slices={slices}, such as {found[0]}"] if found else []


def _odd(headers: Sequence[Header], sizes: Counter[str]) -> list[str]:
    found = []
    if len(sizes) > 1:
        common, count = sizes.most_common(1)[0]
        found.append(f"{sum(sizes.values()) - count} slices are not {common}, the most common size")
    remarks = Counter(remark for header in headers for remark in header.remarks)
    found += [f"{count} files: {remark}" for remark, count in remarks.most_common()]
    if len({header.dtype for header in headers}) > 1:
        found.append("files differ in pixel type")
    if len({header.orientation for header in headers}) > 1:
        found.append("files differ in how their axes are stored; slices are cut the same way from all")
    return found


def _kind(entry: Entry) -> str:
    """A file's suffix; of what has none, the kind of scan that it is."""
    name = entry.path.name.lower()
    found = next((suffix for suffix in READABLE if name.endswith(suffix)), None)
    return found or ("inside a file" if is_part_of_file(entry.path) else "DICOM")
