"""Lesions found by models of lesion-free slices: AUROC, Dice, and the false-alarm rate, by five folds.

Needs `--scans FOLDER` with `axial/`, `axial_lesion/` (a mask for each slice with a lesion) and `subjects.csv`
with `subject` and `patient_group`; without it, synthetic brains with planted lesions. Patients (groups) are
divided into five parts. In each fold, tokenizer and prior are trained on lesion-free slices of three parts;
those of a fourth calibrate the scores; slices of the fifth, with and without lesion, are scored. Half of its
patients with lesions choose the threshold of the Dice, the other half is reported.

Columns: seconds of training and scoring; AUROC and average precision of pixels in the foreground; Dice over
all reported pixels at the threshold chosen on others. Facts: how many lesion-free slices have p at most .05
and .1 (false alarms) with the binomial interval of 95 % for the stated level, and AUROC of slices.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import scanvq
from scanvq.run import Run
from scanvq.storage.files import write_text
from scanvq.store.leakage import LeakError

FOLDS = 5
RECIPE = "demo"
EPOCHS = 20, 30  # of tokenizer and prior: about a minute each on a free core
OVERRIDES = (
    "preparation.size=[96,80]",
    "preparation.fit=resize",
    "tokenizer.channels=[16,32,64]",
    "prior.channels=32",
    "prior.embedding_dim=32",
    "training.tokenizer.batch_size=8",
    "training.tokenizer.learning_rate=2e-3",
    "training.tokenizer.augment=flip",
    "training.tokenizer.precision=fp32",
    f"training.tokenizer.epochs={EPOCHS[0]}",
    "training.prior.batch_size=8",
    "training.prior.precision=fp32",
    f"training.prior.epochs={EPOCHS[1]}",
)


@dataclass(frozen=True, kw_only=True)
class OneSlice:
    """A slice of the cohort: its file, whose it is, and the mask of its lesion."""

    path: Path
    subject: str
    group: str
    mask: Path | None


def read_cohort(folder: Path) -> list[OneSlice]:
    """All slices of a folder, see the module's docstring."""
    with (folder / "subjects.csv").open(encoding="utf-8") as table:
        people = [(row["subject"], row["patient_group"]) for row in csv.DictReader(table)]
    slices = []
    for subject, group in people:
        mask = folder / "axial_lesion" / f"{subject}_axial_lesion.png"
        path = folder / "axial" / f"{subject}_axial.png"
        slices.append(
            OneSlice(path=path, subject=subject, group=group, mask=mask if mask.is_file() else None)
        )
    return slices


def part_of(cohort: Sequence[OneSlice]) -> dict[str, int]:
    """The part of each group, from 0 to 4; parts have equally many groups."""
    groups = sorted({one.group for one in cohort}, key=lambda group: hashlib.sha256(group.encode()).digest())
    return {group: place % FOLDS for place, group in enumerate(groups)}


def train_fold(
    cohort: Sequence[OneSlice], fold: int, out: Path, *, overrides: Sequence[str], cache: Path
) -> Run:
    """Trains on the lesion-free slices of three parts; a copy of a scan in another split is left out."""
    parts, left_out = part_of(cohort), set[str]()
    splits = {fold: "test", (fold + 1) % FOLDS: "validation"}
    free = [one for one in cohort if one.mask is None]
    while True:
        table = out.parent / f"fold-{fold}.csv"
        rows = [
            f"{one.path},{one.subject},{one.group},{splits.get(parts[one.group], 'train')}"
            for one in free
            if one.subject not in left_out
        ]
        write_text(table, "\n".join(["path,subject,patient_group,split", *rows]) + "\n")
        try:
            run = scanvq.fit(table, out=out, recipe=RECIPE, overrides=overrides, device="cpu", cache=cache)
        except LeakError as error:
            found = {
                subject
                for leak in error.leaks
                for subject, split in zip(leak.subjects, leak.splits, strict=True)
                if split != "train" or leak.splits[0] == leak.splits[1]
            }
            if not found - left_out:
                raise
            left_out |= found
            out = out.with_name(f"{out.name}-again")
            continue
        assert run is not None
        return run
