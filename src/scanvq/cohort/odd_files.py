"""Files that do not belong with the others: other units, segmentations, empty margins of contact sheets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.intensity import COMPARABLE

UNITS_FACTOR = 10.0  # between two groups of files, however far those of a group are apart
CLOSE_FACTOR = COMPARABLE  # the same, where the gap is also many times any other
CLEAR_GAP = 5.0
SHIFT = 0.7  # of the range of the files, between the darkest values of two groups
LABEL_VALUES = 256
FEW_VALUES = 12
EQUAL_NEIGHBORS = 0.7  # of the foreground of a segmentation; of scans, few are equal
SHOWN = 4


@dataclass(frozen=True, kw_only=True)
class Look:
    """What tells a file from others.

    Attributes:
        low: 1st percentile.
        high: 99th percentile.
        is_labels: whether the values look like labels: few whole numbers in uniform areas.
        eight_bit: whether it is stored in 8 bits.
    """

    low: float
    high: float
    is_labels: bool
    eight_bit: bool

    @classmethod
    def of(cls, slices: NDArray[np.generic], values: NDArray[np.float64]) -> Look:
        """The look of slices (S, H, W), of which `values` are a sample."""
        low, high = np.percentile(values, (1, 99))
        return cls(
            low=float(low),
            high=float(high),
            is_labels=_is_label_map(slices[len(slices) // 2], values),
            eight_bit=slices.dtype == np.uint8,
        )


def odd_files(names: Sequence[str], looks: Sequence[Look]) -> list[str]:
    """Sentences about files that differ from the others, with their names and what is decided.

    Args:
        names: of the files that were looked at.
        looks: of the same files.
    """
    labels = [number for number, look in enumerate(looks) if look.is_labels]
    scans = [number for number, look in enumerate(looks) if not look.is_labels]
    sentences = []
    if labels and scans:
        sentences.append(
            f"{len(labels)} of the {len(looks)} files looked at have few values in uniform areas: "
            f"segmentations? They are used as scans; leave them out if they are none: "
            f"{_listed(names, labels)}"
        )
    return [*_other_units(names, looks, scans), *sentences]


def _other_units(names: Sequence[str], looks: Sequence[Look], scans: Sequence[int]) -> list[str]:
    """A sentence if scans fall into two groups by the factor, or by the shift, of their values."""
    if len(scans) < 2:
        return []
    bright = np.array([max(abs(looks[number].low), abs(looks[number].high)) for number in scans])
    dark = np.array([looks[number].low for number in scans])
    span = float(np.median([looks[number].high - looks[number].low for number in scans]))
    levels = np.log10(np.maximum(bright, 1e-12))
    groups = _two_groups(levels, clear=np.log10(CLOSE_FACTOR), certain=np.log10(UNITS_FACTOR))
    if groups is not None and bright.min() > 0:
        low, high = groups
        factor = float(np.median(bright[high]) / np.median(bright[low]))
        how = f"about {factor:.3g} times those of the others"
    else:
        groups = _two_groups(dark, clear=SHIFT * span, certain=np.inf)
        if groups is None:
            return []
        low, high = groups
        how = f"{float(np.median(dark[high]) - np.median(dark[low])):.4g} above those of the others"
    few, many = (low, high) if len(low) < len(high) else (high, low)
    if few is low and "times" in how:
        how = f"about 1/{factor:.3g} of those of the others"
    elif few is low:
        how = how.replace("above", "below")
    return [
        f"values of {len(few)} of the {len(looks)} files looked at are {how}, such as "
        f"{names[scans[many[0]]]}: other units or scanners? {_decision(looks, scans)}: "
        f"{_listed(names, [scans[number] for number in few])}"
    ]


def _two_groups(
    values: NDArray[np.float64], *, clear: float, certain: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Indices of the lower and of the upper values, if there is one wide gap between them."""
    order = np.argsort(values, kind="stable")
    gaps = np.diff(values[order])
    split = int(gaps.argmax())
    others = np.delete(gaps, split)
    is_clear = gaps[split] >= clear and (not len(others) or gaps[split] >= CLEAR_GAP * others.max())
    if not (is_clear and len(values) > 3) and gaps[split] < certain:
        return None
    return np.sort(order[: split + 1]), np.sort(order[split + 1 :])


def _decision(looks: Sequence[Look], scans: Sequence[int]) -> str:
    """What preparation.intensity=auto makes of the ranges of these files, see `decide_intensity`."""
    if all(looks[number].eight_bit for number in scans):
        return "All are scaled from 0 to 255; with preparation.intensity=file each by its own range"
    ranges = [looks[number].high - looks[number].low for number in scans]
    narrow, wide = np.percentile(ranges, (10, 90))
    if wide > COMPARABLE * narrow:
        return "Each file is scaled by its own range, unless preparation.intensity says otherwise"
    return "All are scaled by one range, so these may be clipped or dark; correct or leave them out"


def _is_label_map(middle: NDArray[np.generic], values: NDArray[np.float64]) -> bool:
    """Whether a scan has few whole values, and its middle slice (H, W) the same value in large areas."""
    distinct = np.unique(values)
    if len(distinct) > LABEL_VALUES or (distinct % 1).any():
        return False
    if len(distinct) <= FEW_VALUES:
        return True
    areas = middle != distinct[0]
    inside = areas[:, 1:] & areas[:, :-1]
    return bool(inside.any()) and float((middle[:, 1:] == middle[:, :-1])[inside].mean()) > EQUAL_NEIGHBORS


def _listed(names: Sequence[str], numbers: Sequence[int]) -> str:
    rest = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return ", ".join(names[number] for number in numbers[:SHOWN]) + rest
