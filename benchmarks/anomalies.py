"""Lesions found by models of lesion-free slices: AUROC, Dice and false alarms, by five folds.

Needs `--scans FOLDER` with `axial/`, `axial_lesion/` (a mask for each slice with a lesion) and `subjects.csv`
with `subject` and `patient_group`, as the SOOP FLAIR slices have; without it, synthetic brains with planted
lesions. Groups are divided into five parts. In each fold, tokenizer and prior are trained on the lesion-free
slices of three parts, those of a fourth calibrate the scores, and the slices of the fifth are scored. Half of
its groups (by a hash of their names) choose the threshold of the Dice on their lesions; the other half's
lesions are reported. Small images and few epochs, given in OVERRIDES, so that a fold takes minutes.

Columns: seconds of scoring; AUROC and average precision over the foreground pixels of reported slices with a
lesion; Dice of all these pixels together. Lesions of FLAIR are bright: anomalies are those brighter than
the restored image. `intensity`, the image itself, and `smooth intensity`, under the same Gaussian as the
anomaly map, are baselines without any model.
Facts: lesion-free slices with p at most .05 and .1 (false alarms), with the bounds between which 95 % of such
counts lie for exchangeable people (beta-binomial: the slices of a fold share their calibration people); AUROC
of the slices' map scores, with lesion against without.
"""

from __future__ import annotations

import csv
import hashlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import stats

import scanvq
from benchmarks.record import Row, Setup
from scanvq.inference.calibrated import calibration_for
from scanvq.inference.lesion_scores import LesionPixels, MapQuality, chooses_threshold
from scanvq.inference.score import ScoredFile, score_files
from scanvq.metrics.auc import auc_within_folds
from scanvq.model.calibration import MAP, smoothed
from scanvq.run import Run
from scanvq.storage.files import read_json, write_text
from scanvq.store.leakage import LeakError

FOLDS = 5
LEVELS = 0.05, 0.1
RESTORATIONS = 2
RECIPE = "demo"
EPOCHS = 15, 8  # of tokenizer and prior: together less than a minute on a free core
OVERRIDES = (
    "preparation.size=[64,56]",
    "preparation.fit=resize",
    "tokenizer.channels=[16,32]",
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

SHORT = (
    "preparation.size=[32,32]",
    "preparation.fit=resize",
    "tokenizer.channels=[8,8]",
    "tokenizer.residual_channels=8",
    "tokenizer.quantizer.codebook_size=16",
    "prior.channels=8",
    "training.tokenizer.batch_size=4",
    "training.tokenizer.epochs=1",
    "training.prior.batch_size=4",
    "training.prior.epochs=1",
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
    cohort: Sequence[OneSlice],
    fold: int,
    out: Path,
    *,
    overrides: Sequence[str],
    cache: Path,
    allow_leak: bool = False,
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
            run = scanvq.fit(
                table,
                out=out,
                recipe=RECIPE,
                overrides=overrides,
                device="cpu",
                cache=cache,
                allow_leak=allow_leak,
            )
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


Scored = list[tuple[OneSlice, ScoredFile]]


def score_fold(run: Run, cohort: Sequence[OneSlice], fold: int, *, cache: Path) -> Scored:
    """Scores the slices of a part that the run has not seen."""
    calibration = calibration_for(
        run.model, run.directory.path, restorations=RESTORATIONS, sign="brighter", cache=cache
    )
    parts = part_of(cohort)
    used = {entry[1] for entry in run.directory.read(run.directory.data)["entries"]}  # not left out as copies
    own = [one for one in cohort if parts[one.group] == fold and (one.mask or one.subject in used)]
    paths, masks = [one.path for one in own], [one.mask for one in own]
    files = score_files(run.model, paths, calibration=calibration, masks=masks)
    return list(zip(own, files, strict=True))


def both_kinds() -> tuple[list[float], list[float]]:
    return [], []


@dataclass
class Found:
    """What was found, of one fold or of several.

    Attributes:
        lesions: maps and masks of the slices with a lesion.
        p: of the lesion-free slices.
        people: calibration people and lesion-free slices of each fold.
        scores: map scores of lesion-free slices, and of slices with a lesion.
        folds: of these scores.
    """

    lesions: LesionPixels = field(default_factory=LesionPixels)
    p: list[float] = field(default_factory=list)
    people: list[tuple[int, int]] = field(default_factory=list)
    scores: tuple[list[float], list[float]] = field(default_factory=both_kinds)
    folds: tuple[list[float], list[float]] = field(default_factory=both_kinds)

    def add(self, scored: Scored, fold: int, *, people: int) -> None:
        self.people.append((people, sum(one.mask is None for one, _ in scored)))
        for one, file in scored:
            has_lesion = one.mask is not None
            self.scores[has_lesion].append(float(file.scores[MAP][0]))
            self.folds[has_lesion].append(fold)
            if not has_lesion:
                self.p.append(float(file.p[MAP][0]))
                continue
            assert file.mask is not None
            intensity = file.pixels.astype(np.float32)
            maps = {**file.maps, "intensity": intensity, "smooth intensity": smoothed(intensity)}
            self.lesions.add(file.pixels, maps, file.mask, chooses=chooses_threshold(one.group))

    def row(self, case: str, times: Sequence[float], notes: str = "") -> Row:
        quality = self.lesions.quality()
        return Row(
            case=case,
            seconds={name: list(times) if name == "anomaly" else [] for name in quality},
            numbers={name: numbers_of(one) for name, one in quality.items()},
            facts=self.facts(),
            notes=notes,
        )

    def facts(self) -> dict[str, float | None]:
        facts: dict[str, float | None] = {"lesion-free slices": len(self.p)}
        for level in LEVELS:
            low, high = alarm_bounds(self.people, level)
            facts[f"p at most {level:g}"] = float(sum(p <= level for p in self.p))
            facts[f"p at most {level:g}, lower bound"] = float(low)
            facts[f"p at most {level:g}, upper bound"] = float(high)
        facts["slices with a lesion"] = len(self.scores[1])
        free, lesions = (np.array(one) for one in self.scores)
        folds, other = (np.array(one, np.int64) for one in self.folds)
        facts["AUROC of slices"] = auc_within_folds(lesions, free, folds=other, other_folds=folds)
        return facts


def alarm_bounds(folds: Sequence[tuple[int, int]], level: float) -> tuple[int, int]:
    """Between which 95 % of the numbers of false alarms lie, for exchangeable people.

    Given n calibration people, the rate of p <= level is distributed as Beta(k, n + 1 - k), k = floor(level *
    (n + 1)) (Vovk 2012, arXiv 1209.2673), so the alarms of a fold are beta-binomial; folds are added up.

    Args:
        folds: calibration people and scored slices of each.
        level: of the p-values.
    """
    counts = np.ones(1)
    for people, slices in folds:
        k = int(level * (people + 1) + 1e-9)
        own = stats.betabinom.pmf(np.arange(slices + 1), slices, k, people + 1 - k) if k else np.ones(1)
        counts = np.convolve(counts, own)
    below = np.cumsum(counts)
    return int(np.searchsorted(below, 0.025)), int(np.searchsorted(below, 0.975))


def numbers_of(quality: MapQuality) -> dict[str, float]:
    return {
        "AUROC": quality.auroc,
        "average precision": quality.average_precision,
        "Dice": quality.dice,
    }


def rows(setup: Setup) -> Iterator[Row]:
    """A row for each fold, then one over all of them."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = setup.scans or planted(Path(scratch) / "scans", subjects=45 if setup.short else 120)
        overrides = SHORT if setup.short else OVERRIDES
        cohort, cache = read_cohort(folder), Path(scratch) / "cache"
        together, times = Found(), []
        for fold in range(2 if setup.short else FOLDS):
            run = train_fold(
                cohort,
                fold,
                Path(scratch) / f"run-{fold}",
                overrides=overrides,
                cache=cache,
                allow_leak=setup.scans is None,
            )  # few templates make many heads
            begun = time.perf_counter()
            scored = score_fold(run, cohort, fold, cache=cache)
            times.append(time.perf_counter() - begun)
            people = read_json(run.directory.calibration)["people"]
            alone = Found()
            for found in (alone, together):
                found.add(scored, fold, people=people)
            yield alone.row(f"fold {fold}", times[-1:])
        yield together.row("all folds", times, "thresholds of all folds together: one for each kind of map")


def planted(folder: Path, *, subjects: int) -> Path:
    """Synthetic brains in the form of this table; two thirds have a bright disk, with its mask."""
    from scanvq.synthetic.cohort import make_cohort

    random = np.random.default_rng(0)
    for name in ("axial", "axial_lesion"):
        (folder / name).mkdir(parents=True)
    lines = ["subject,patient_group"]
    for one in make_cohort(subjects=subjects, slices=1, height=96, width=80):
        name = f"sub-{one.subject:03d}"
        lines.append(f"{name},{name}")
        image = one.image.copy()
        if one.subject % 3:
            rows_, columns = np.nonzero(image > 0.2)
            place = random.integers(len(rows_))
            y, x = np.mgrid[:96, :80]
            disk = np.hypot(y - rows_[place], x - columns[place]) < random.uniform(3, 7)
            image[disk] = np.clip(image[disk] + 0.45, 0, 1)
            lesion = Image.fromarray(disk.astype(np.uint8) * 255)
            lesion.save(folder / "axial_lesion" / f"{name}_axial_lesion.png")
        pixels = np.round(image * 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "axial" / f"{name}_axial.png")
    write_text(folder / "subjects.csv", "\n".join(lines) + "\n")
    return folder
