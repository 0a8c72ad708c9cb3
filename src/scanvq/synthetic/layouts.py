"""The demo cohort as files, with the layouts, names and sizes of the three course data sets."""

from __future__ import annotations

import csv
import gzip
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from scanvq.cohort.catalog import SYNTHETIC
from scanvq.synthetic.cohort import FIELD_OF_VIEW, DemoSlice, label_of, make_scan, threaded_map
from scanvq.synthetic.templates import load_templates

LayoutName = Literal["oasis", "hipmri", "adni"]

OASIS_SHARES = {"train": 302, "validate": 35, "test": 17}  # numbers of patients of the original data sets
HIPMRI_SHARES = {"train": 32, "validate": 4, "test": 3}
ADNI_SHARES = {"train": 20, "test": 9}

FIRST_HIPMRI_CASE = 4
FIRST_ADNI_SLICE = 78


class DemoError(ValueError):
    """A cohort that cannot be written as requested. The message is for the user."""


@dataclass(frozen=True)
class _Scan:
    """A scan to be written: subject, split, file name, image size and visit."""

    subject: int
    split: str
    name: str
    height: int
    width: int
    visit: int = 0


def write_demo(
    out: Path,
    *,
    subjects: int,
    slices: int,
    layout: LayoutName = "oasis",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Writes a cohort in the layout of a course data set; `out` appears when it is complete.

    The anatomy of the data sets is not imitated: files in the HipMRI layout also show brains. Splits share no
    subject, have the proportions of the original, and contain both groups from six subjects on.

    Args:
        out: a new or empty folder.
        subjects: number of subjects; at least one per split, in adni one per split and class.
        slices: slices per scan; hipmri has one to three scans per subject.
        layout: data set whose folders, names, sizes and formats are used.
        seed: random seed; equal seeds give equal bytes.
        progress: called with the numbers of written and of all slices.

    Raises:
        DemoError: too few subjects or slices, or `out` is not empty.
        MissingTemplatesError: the `demo` extra is not installed.
    """
    out = Path(out).resolve()
    if layout not in get_args(LayoutName):
        raise DemoError(f"layout is {layout!r}; it must be one of {', '.join(get_args(LayoutName))}.")
    if slices < 1:
        raise DemoError(f"slices is {slices}; a scan has at least 1.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DemoError(f"{out} exists and is not empty: name a new folder, or delete it first.")
    plan, write = _LAYOUTS[layout]
    scans = plan(subjects, seed)
    templates = load_templates()
    partial = out.parent / f".{out.name}.{os.getpid()}.partial"

    def write_scan(scan: _Scan) -> None:
        scan_slices = make_scan(
            templates,
            subject=scan.subject,
            visit=scan.visit,
            slices=slices,
            seed=seed,
            height=scan.height,
            width=scan.width,
        )
        write(partial, scan, scan_slices)

    partial.mkdir(parents=True)
    try:
        with closing(threaded_map(write_scan, scans)) as written:  # no thread writes after this block
            for number, _ in enumerate(written, start=1):
                if progress is not None:
                    progress(number * slices, len(scans) * slices)
        if layout == "oasis":
            _write_subjects(partial / "subjects.csv", scans)
        (partial / SYNTHETIC).write_text(
            "These scans are synthetic: ScanVQ made them from the MNI152 templates.\n"
        )
        partial.replace(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _plan_oasis(subjects: int, seed: int) -> list[_Scan]:
    splits = _splits(subjects, OASIS_SHARES)
    return [_Scan(subject, split, f"{subject + 1:03}", 256, 256) for subject, split in enumerate(splits)]


def _write_oasis(root: Path, scan: _Scan, slices: list[DemoSlice]) -> None:
    from PIL import Image

    images, masks = f"keras_png_slices_{scan.split}", f"keras_png_slices_seg_{scan.split}"
    for slice in slices:
        ending = f"{scan.name}_slice_{slice.level}.nii.png"
        pixels = {
            f"{images}/case_{ending}": _bytes(slice.image),
            f"{masks}/seg_{ending}": slice.segmentation * np.uint8(85),
        }
        for name, array in pixels.items():
            Image.fromarray(array).save(_with_parent(root / name), format="PNG", compress_level=1)


def _plan_hipmri(subjects: int, seed: int) -> list[_Scan]:
    splits = _splits(subjects, HIPMRI_SHARES)
    wide_subject = min(1, splits.count("train") - 1)  # one case of the original is wider than the others
    return [
        _Scan(
            subject,
            split,
            f"{subject + FIRST_HIPMRI_CASE:03}_week_{week}",
            256,
            144 if subject == wide_subject else 128,
            visit=week,
        )
        for subject, split in enumerate(splits)
        for week in range(1 + subject % 3)
    ]


def _write_hipmri(root: Path, scan: _Scan, slices: list[DemoSlice]) -> None:
    images, masks = f"keras_slices_{scan.split}", f"keras_slices_seg_{scan.split}"
    # Scanners differ in the units of their intensities.
    maximum = 650.0 + 50.0 * ((scan.subject + scan.visit) % 5)
    pixel = max(FIELD_OF_VIEW[0] / scan.height, FIELD_OF_VIEW[1] / scan.width)
    for slice in slices:
        ending = f"{scan.name}_slice_{slice.level}.nii.gz"
        trailing = (scan.subject + slice.level) % 5 == 1  # some files of the original have a third axis of 1
        for name, array in (
            (f"{images}/case_{ending}", slice.image * np.float32(maximum)),
            (f"{masks}/seg_{ending}", slice.segmentation),
        ):
            _write_nifti(_with_parent(root / name), array[..., None] if trailing else array, pixel)


def _plan_adni(subjects: int, seed: int) -> list[_Scan]:
    splits = _splits(subjects, ADNI_SHARES)
    if subjects < 4:
        raise DemoError(f"subjects is {subjects}; adni needs at least 4: AD and NC, in train and in test.")
    numbers = np.random.default_rng([seed, subjects]).choice(
        np.arange(100_000, 1_000_000), subjects, replace=False
    )
    return [_Scan(subject, split, str(numbers[subject]), 240, 256) for subject, split in enumerate(splits)]


def _write_adni(root: Path, scan: _Scan, slices: list[DemoSlice]) -> None:
    from PIL import Image

    for slice in slices:
        name = f"AD_NC/{scan.split}/{slice.label}/{scan.name}_{FIRST_ADNI_SLICE + slice.level}.jpeg"
        Image.fromarray(_bytes(slice.image)).save(_with_parent(root / name), format="JPEG", quality=92)


_LAYOUTS: dict[
    str, tuple[Callable[[int, int], list[_Scan]], Callable[[Path, _Scan, list[DemoSlice]], None]]
] = {
    "oasis": (_plan_oasis, _write_oasis),
    "hipmri": (_plan_hipmri, _write_hipmri),
    "adni": (_plan_adni, _write_adni),
}


def _splits(subjects: int, shares: dict[str, int]) -> list[str]:
    """The split of every subject: consecutive subjects, so that two subjects have both groups."""
    if subjects < len(shares):
        raise DemoError(f"subjects is {subjects}; it must be at least {len(shares)}, one for each split.")
    minimum = min(2, subjects // len(shares))
    total = sum(shares.values())
    counts = {split: max(minimum, round(subjects * share / total)) for split, share in shares.items()}
    counts["train"] = subjects - sum(count for split, count in counts.items() if split != "train")
    return [split for split, count in counts.items() for _ in range(count)]


def _write_subjects(path: Path, scans: list[_Scan]) -> None:
    """Writes the table of groups, which are not in the file names."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["subject", "label", "split"])
        for scan in scans:
            table.writerow([f"case_{scan.name}", label_of(scan.subject), scan.split])


def _write_nifti(path: Path, array: NDArray[np.generic], pixel: float) -> None:
    import nibabel

    image = nibabel.Nifti1Image(array, np.diag([pixel, pixel, 1.0, 1.0]))
    path.write_bytes(gzip.compress(image.to_bytes(), compresslevel=1, mtime=0))


def _bytes(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(image * 255).astype(np.uint8)


def _with_parent(path: Path) -> Path:
    """Creates the parent folder of a path and returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
