"""The fingerprint of a data set: sizes, spacings, intensities, subjects, splits and irregularities."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.cohort.entries import Entries
from scanvq.cohort.headers import HeaderResult
from scanvq.cohort.pixel_summary import summarize_pixels
from scanvq.imaging.formats import READABLE, Header, Plane, is_part_of_file
from scanvq.imaging.geometry import resampled_size
from scanvq.imaging.slice_selection import count_slices

LARGE_SUBJECT = 10  # times the median number of slices
MANY_SLICES = 100
ONLY_SUBJECT = 1000  # slices of a subject that is the only one
SHEET = 4  # times the area of most images
EXAMPLES = 4  # files that illustrate the subject identification


def fingerprint(
    catalog: Catalog,
    headers: Sequence[HeaderResult],
    *,
    plane: Plane,
    slices: str,
    spacing: float | None,
) -> dict[str, Any]:
    """Summarizes the headers of all files and the pixels of a sample of them.

    All slice counts except `slices_in_files` are counts of the selected slices. Foreground selection depends
    on pixels: for volumes outside the sample, the fraction of selected slices is that of the sampled volumes
    (1 if there are none). Then `slices_estimated` is true, and every count is rounded separately.

    Args:
        catalog: as read.
        headers: headers of its entries.
        plane: slicing plane of volumes.
        slices: slice selection: foreground, all, FIRST:END or middle:COUNT.
        spacing: report sizes after resampling to this number of millimeters per pixel, without files that
            have no pixel spacing and cannot be prepared. None reports stored sizes.

    Returns:
        JSON values: files, slices, slice selection, whether counts are estimated, volumes (files of several
        slices), all slices in the files, subjects, subject identification, splits, labels, sizes, spacings
        (mm between rows x between columns), orientations of the stored axes, types, intensities, the bounding
        box of the foreground, and `odd`, a list of sentences about irregularities.
    """
    readable = _Readable(catalog, headers)
    pixels = summarize_pixels(catalog, readable.entries, plane=plane, slices=slices)
    estimated = readable.count(slices, pixels.used)
    sizes: dict[str, float] = defaultdict(float)
    for _, header, count in readable:
        height, width = header.height, header.width
        if spacing is not None:
            if header.spacing is None:
                continue
            height, width = resampled_size((height, width), header.spacing, spacing)
        sizes[f"{height}x{width}"] += count
    size_counts = Counter({size: rounded for size, count in sizes.items() if (rounded := round(count))})
    return {
        "folder": str(catalog.root),
        "layout": catalog.layout,
        "files": len(catalog.entries),
        "slices": round(sum(readable.used)),
        "slices_chosen": slices,
        "slices_estimated": estimated,
        "volumes": sum(header.slices > 1 for header in readable.headers),
        "slices_in_files": sum(header.slices for header in readable.headers),
        "subjects": len({entry.subject for entry in catalog.entries}),
        "groups": len({entry.group for entry in catalog.entries}),
        "splits": _by_split(readable),
        "who": _subject_examples(catalog),
        "labels": dict(sorted(Counter(e.label for e in catalog.entries if e.label is not None).items())),
        "formats": dict(Counter(_format_name(entry) for entry in catalog.entries).most_common()),
        "slices_a_subject": _slices_a_subject(readable),
        "sizes": dict(size_counts.most_common()),
        "spacings": _counts_of(
            readable.headers, lambda header: "x".join(f"{mm:.3g}" for mm in header.spacing or ())
        ),
        "orientations": _counts_of(readable.headers, lambda header: header.orientation),
        "types": _counts_of(readable.headers, lambda header: str(header.dtype)),
        "intensities": pixels.intensities,
        "foreground_box": pixels.box,
        "notes": list(catalog.notes),
        "odd": [
            *readable.problems,
            *pixels.problems,
            *_without_slices(readable, slices, pixels.used),
            *_irregularities(readable, size_counts),
            *_large_subjects(readable),
        ],
    }


class _Readable:
    """The entries with readable headers.

    Attributes:
        entries: the entries, packed.
        headers: their headers.
        used: numbers of their selected slices, see `count`.
        problems: error messages of the other entries.
    """

    def __init__(self, catalog: Catalog, headers: Iterable[HeaderResult]) -> None:
        self.headers: list[Header] = []
        self.used = array("d")
        self.problems: list[str] = []
        self.entries = Entries(self._keep(zip(catalog.entries, headers, strict=True)))

    def __iter__(self) -> Iterator[tuple[Entry, Header, float]]:
        return zip(self.entries, self.headers, self.used, strict=True)

    def count(self, slices: str, sampled: Mapping[int, int]) -> bool:
        """Sets `used`, and returns whether any number is estimated.

        Args:
            slices: slice selection.
            sampled: index of an entry -> number of selected slices, for entries with decoded pixels.
        """
        volumes = [index for index in sampled if self.headers[index].slices > 1]
        total = sum(self.headers[index].slices for index in volumes)
        fraction = sum(sampled[index] for index in volumes) / total if total else 1.0
        estimated = False
        for index, header in enumerate(self.headers):
            count = count_slices(header.slices, slices)
            count = sampled.get(index) if count is None else count
            estimated |= count is None
            self.used.append(header.slices * fraction if count is None else count)
        return estimated

    def _keep(self, pairs: Iterable[tuple[Entry, HeaderResult]]) -> Iterator[Entry]:
        for entry, header in pairs:
            if isinstance(header, Header):
                self.headers.append(header)
                yield entry
            else:
                self.problems.append(str(header))


def _subject_examples(catalog: Catalog) -> list[dict[str, str | None]]:
    """Examples of files from the whole catalog with subject, group, label and split."""
    indices = np.linspace(0, len(catalog.entries) - 1, min(EXAMPLES, len(catalog.entries))).astype(int)
    return [
        {
            "path": entry.path.as_posix(),
            "subject": entry.subject,
            "group": entry.group,
            "label": entry.label,
            "split": entry.split,
        }
        for entry in (catalog.entries[index] for index in indices)
    ]


def _by_split(readable: _Readable) -> dict[str, dict[str, int]]:
    files: Counter[str] = Counter()
    slices: dict[str, float] = defaultdict(float)
    subjects: dict[str, set[str]] = defaultdict(set)
    for entry, _, count in readable:
        split = entry.split or "not split yet"
        files[split] += 1
        slices[split] += count
        subjects[split].add(entry.subject)
    return {
        split: {"files": count, "slices": round(slices[split]), "subjects": len(subjects[split])}
        for split, count in files.items()
    }


def _slices_a_subject(readable: _Readable) -> dict[str, float]:
    counts: dict[str, float] = defaultdict(float)
    for entry, _, count in readable:
        counts[entry.subject] += count
    if not counts:
        return {}
    values = np.rint(list(counts.values()))
    return {"fewest": int(values.min()), "median": float(np.median(values)), "most": int(values.max())}


def _counts_of(headers: Sequence[Header], property_of: Callable[[Header], str | None]) -> dict[str, int]:
    """Counts a property over headers; headers without it are not counted."""
    return dict(Counter(value for header in headers if (value := property_of(header))).most_common())


def _without_slices(readable: _Readable, slices: str, sampled: Mapping[int, int]) -> list[str]:
    """A sentence about files without selected slices, which a run would refuse."""
    paths = [
        entry.path
        for index, (entry, header, count) in enumerate(readable)
        if count == 0 and (count_slices(header.slices, slices) is not None or index in sampled)
    ]
    return (
        [f"{len(paths)} files have no slice selected by slices={slices}, such as {paths[0]}"] if paths else []
    )


def _large_subjects(readable: _Readable) -> list[str]:
    """A sentence about a subject with far more slices than the others: several people under one name?"""
    counts: dict[str, float] = defaultdict(float)
    example: dict[str, str] = {}
    for entry, _, count in readable:
        counts[entry.subject] += count
        example.setdefault(entry.subject, entry.path.as_posix())
    if not counts:
        return []
    largest = max(counts, key=lambda subject: counts[subject])
    others = [count for subject, count in counts.items() if subject != largest]
    most = LARGE_SUBJECT * float(np.median(others)) if others else 0
    if counts[largest] < max(most, MANY_SLICES if others else ONLY_SUBJECT):
        return []
    typical = f", a typical one {float(np.median(others)):.0f}" if others else ", and is the only one"
    return [
        f"subject {largest} has {round(counts[largest]):,} slices, such as {example[largest]}{typical}: "
        "several people under one name? All are one person for the splits; if not, set data.subject or name "
        "them in subjects.csv"
    ]


def _irregularities(readable: _Readable, sizes: Counter[str]) -> list[str]:
    headers = readable.headers
    sentences = _sheets(readable)
    if len(sizes) > 1:
        common, count = sizes.most_common(1)[0]
        other = next((e for e, h, _ in readable if f"{h.height}x{h.width}" != common), None)
        such = f", such as {other.path}" if other is not None else ""
        sentences.append(
            f"{sum(sizes.values()) - count} slices are not {common}, the most common size{such}; all are "
            "padded or resized to one size"
        )
    remarks = Counter(remark for header in headers for remark in header.remarks)
    for remark, count in remarks.most_common():
        first = next(entry.path for entry, header, _ in readable if remark in header.remarks)
        sentences.append(f"{count} files: {remark}, such as {first}")
    sentences += _minorities(readable, lambda header: str(header.dtype), "pixel type", "")
    return sentences + _minorities(
        readable,
        lambda header: header.orientation,
        "orientation of the stored axes",
        "; all are sliced along the same plane",
    )


def _minorities(
    readable: _Readable, property_of: Callable[[Header], str | None], name: str, decided: str
) -> list[str]:
    """A sentence if files differ in a property: the most common value, and a file of another."""
    counts = Counter(property_of(header) for header in readable.headers)
    if len(counts) < 2:
        return []
    (common, count), rest = counts.most_common(1)[0], len(readable.headers)
    entry, header, _ = next(one for one in readable if property_of(one[1]) != common)
    return [
        f"files differ in {name}: {count} of {rest} are {common or 'without'}, {entry.path} is "
        f"{property_of(header) or 'without'}{decided}"
    ]


def _sheets(readable: _Readable) -> list[str]:
    """A sentence about single images that are several times as large as most."""
    areas = Counter((header.height, header.width) for header in readable.headers)
    if len(areas) < 2:
        return []
    (height, width), _ = areas.most_common(1)[0]
    large = [
        entry.path
        for entry, header, _ in readable
        if header.slices == 1 and header.height * header.width >= SHEET * height * width
    ]
    if not large or len(large) > len(readable.headers) / 2:
        return []
    return [
        f"{len(large)} images are {SHEET} or more times as large as most ({height}x{width}), such as "
        f"{large[0]}: contact sheets? They are used as scans; remove them if they are"
    ]


def _format_name(entry: Entry) -> str:
    """The suffix of a file; for other scans, "inside a file" or "DICOM"."""
    name = entry.path.name.lower()
    suffix = next((suffix for suffix in READABLE if name.endswith(suffix)), None)
    return suffix or ("inside a file" if is_part_of_file(entry.path) else "DICOM")
