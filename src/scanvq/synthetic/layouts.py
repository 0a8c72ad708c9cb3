"""The demo cohort as files, in the trees, names and sizes of the three course data sets."""

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

from scanvq.cohort.catalog import SYNTHETIC as MARK
from scanvq.synthetic.cohort import FIELD_OF_VIEW, DemoSlice, in_order, label_of, make_scan
from scanvq.synthetic.templates import load_templates

LayoutName = Literal["oasis", "hipmri", "adni"]

OASIS_SHARES = {"train": 302, "validate": 35, "test": 17}  # patients of the originals
HIPMRI_SHARES = {"train": 32, "validate": 4, "test": 3}
ADNI_SHARES = {"train": 20, "test": 9}

FIRST_HIPMRI_CASE = 4
FIRST_ADNI_SLICE = 78


class DemoError(ValueError):
    """A cohort that cannot be written as asked. The message is for the user."""


@dataclass(frozen=True)
class _Scan:
    """A scan to be written: whose, which visit, in which split, under what name and in what size."""

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
    """Writes a cohort as one of the course data sets; `out` appears once all of it is there.

    The layouts' own anatomy is not imitated: HipMRI's files, too, show brains. Splits share no
    subject, have the originals' proportions, and both groups where there are six subjects or more.

    Args:
        out: a folder that does not exist yet, or an empty one.
        subjects: people; at least one for each split, in adni one for each split and class.
        slices: a scan; hipmri has one to three scans of a person.
        layout: which data set's names, sizes and formats.
        seed: of everything random; the same seed gives the same bytes.
        progress: is told slices written so far, and in all.

    Raises:
        DemoError: too few subjects or slices, or `out` is not empty.
        MissingTemplatesError: the `demo` extra is not installed.
    """
    out = Path(out).resolve()
    if layout not in get_args(LayoutName):
        raise DemoError(f"layout is {layout!r}; there are {', '.join(get_args(LayoutName))}.")
    if slices < 1:
        raise DemoError(f"slices is {slices}; a scan has at least 1.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DemoError(f"{out} is there already and not empty: name a new folder, or delete it first.")
    plan, write = _LAYOUTS[layout]
    scans = plan(subjects, seed)
    templates = load_templates()
    partial = out.parent / f".{out.name}.{os.getpid()}.partial"

    def work(scan: _Scan) -> None:
        made = make_scan(
            templates,
            subject=scan.subject,
            visit=scan.visit,
            slices=slices,
            seed=seed,
            height=scan.height,
            width=scan.width,
        )
        write(partial, scan, made)

    partial.mkdir(parents=True)
    try:
        with closing(in_order(work, scans)) as written:  # so that no thread writes once this is over
            for number, _ in enumerate(written, start=1):
                if progress is not None:
                    progress(number * slices, len(scans) * slices)
        if layout == "oasis":
            _write_subjects(partial / "subjects.csv", scans)
        (partial / MARK).write_text(
            "These heads belong to nobody: ScanVQ made them from the MNI152 templates.\n"
        )
        partial.replace(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _plan_oasis(subjects: int, seed: int) -> list[_Scan]:
    splits = _splits(subjects, OASIS_SHARES)
    return [_Scan(subject, split, f"{subject + 1:03}", 256, 256) for subject, split in enumerate(splits)]


def _write_oasis(root: Path, scan: _Scan, made: list[DemoSlice]) -> None:
    from PIL import Image

    images, masks = f"keras_png_slices_{scan.split}", f"keras_png_slices_seg_{scan.split}"
    for one in made:
        ending = f"{scan.name}_slice_{one.level}.nii.png"
        pixels = {
            f"{images}/case_{ending}": _bytes(one.image),
            f"{masks}/seg_{ending}": one.segmentation * np.uint8(85),
        }
        for name, array in pixels.items():
            Image.fromarray(array).save(_place(root / name), format="PNG", compress_level=1)


def _plan_hipmri(subjects: int, seed: int) -> list[_Scan]:
    splits = _splits(subjects, HIPMRI_SHARES)
    wide = min(1, splits.count("train") - 1)  # one case of the original is wider than the others
    return [
        _Scan(
            subject,
            split,
            f"{subject + FIRST_HIPMRI_CASE:03}_week_{week}",
            256,
            144 if subject == wide else 128,
            visit=week,
        )
        for subject, split in enumerate(splits)
        for week in range(1 + subject % 3)
    ]


def _write_hipmri(root: Path, scan: _Scan, made: list[DemoSlice]) -> None:
    images, masks = f"keras_slices_{scan.split}", f"keras_slices_seg_{scan.split}"
    height = 650.0 + 50.0 * (
        (scan.subject + scan.visit) % 5
    )  # scanners differ in the units of their intensities
    pixel = max(FIELD_OF_VIEW[0] / scan.height, FIELD_OF_VIEW[1] / scan.width)
    for one in made:
        ending = f"{scan.name}_slice_{one.level}.nii.gz"
        trailing = (scan.subject + one.level) % 5 == 1  # some files of the original have a third axis of 1
        for name, array in (
            (f"{images}/case_{ending}", one.image * np.float32(height)),
            (f"{masks}/seg_{ending}", one.segmentation),
        ):
            _write_nifti(_place(root / name), array[..., None] if trailing else array, pixel)


def _plan_adni(subjects: int, seed: int) -> list[_Scan]:
    splits = _splits(subjects, ADNI_SHARES)
    if subjects < 4:
        raise DemoError(f"subjects is {subjects}; adni needs at least 4: AD and NC, in train and in test.")
    numbers = np.random.default_rng([seed, subjects]).choice(
        np.arange(100_000, 1_000_000), subjects, replace=False
    )
    return [_Scan(subject, split, str(numbers[subject]), 240, 256) for subject, split in enumerate(splits)]


def _write_adni(root: Path, scan: _Scan, made: list[DemoSlice]) -> None:
    from PIL import Image

    for one in made:
        name = f"AD_NC/{scan.split}/{one.label}/{scan.name}_{FIRST_ADNI_SLICE + one.level}.jpeg"
        Image.fromarray(_bytes(one.image)).save(_place(root / name), format="JPEG", quality=92)


_LAYOUTS: dict[
    str, tuple[Callable[[int, int], list[_Scan]], Callable[[Path, _Scan, list[DemoSlice]], None]]
] = {
    "oasis": (_plan_oasis, _write_oasis),
    "hipmri": (_plan_hipmri, _write_hipmri),
    "adni": (_plan_adni, _write_adni),
}


def _splits(subjects: int, shares: dict[str, int]) -> list[str]:
    """The split of every subject: runs of neighbors, so that a run of two has both groups."""
    if subjects < len(shares):
        raise DemoError(f"subjects is {subjects}; it must be at least {len(shares)}, one for each split.")
    least = min(2, subjects // len(shares))
    total = sum(shares.values())
    counts = {split: max(least, round(subjects * share / total)) for split, share in shares.items()}
    counts["train"] = subjects - sum(count for split, count in counts.items() if split != "train")
    return [split for split, count in counts.items() for _ in range(count)]


def _write_subjects(path: Path, scans: list[_Scan]) -> None:
    """The groups, which the file names do not tell."""
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


def _place(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
