"""The cost estimate of a run, measured by a dry run of the full pipeline on a few scans."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanvq.build import make_decoder, make_prior, make_tokenizer
from scanvq.cohort.catalog import Catalog
from scanvq.cohort.condition_sources import LABEL, POSITION
from scanvq.cohort.conditions import used_columns
from scanvq.cohort.entries import Entries
from scanvq.cohort.splits import SPLITS
from scanvq.cohort.subject_tables import subject_tables
from scanvq.cohort.survey import Survey
from scanvq.conditions.space import CategoryCondition, ConditionSpace, NumberCondition
from scanvq.evaluation.short_form import MOST
from scanvq.model.coder import stored_type
from scanvq.planning.audit_cost import AuditCost
from scanvq.planning.dry_run import ERROR, DryRunMeasurements
from scanvq.planning.short_form_cost import ShortFormCost
from scanvq.recipe.recipe import Recipe

FILES = {"train": 8, "validation": 2, "test": 4}
RESUME_COPIES = 3  # weights and two moments of Adam
WEIGHTS_COPIES = 2  # best and last
MB = 2**20


@dataclass(frozen=True, kw_only=True)
class CostEstimate:
    """The estimated cost of a run on this machine.

    Attributes:
        minutes: from the first file to the scores of test images and samples.
        memory_mb: peak memory of the process; on a GPU, without the memory of the GPU.
        disk_mb: the run directory without its report, and the prepared scans.
    """

    minutes: float
    memory_mb: float
    disk_mb: float


class DryRunError(ValueError):
    """The dry run failed; the run would fail, too."""


def estimate_cost(
    recipe: Recipe,
    survey: Survey,
    *,
    budget: float,
    skip_bad: bool = False,
    sample_scores: bool = True,
    device: str,
) -> CostEstimate:
    """Estimates the cost of a run from a dry run in a separate process.

    Args:
        recipe: completed.
        survey: of the scans.
        budget: seconds of training.
        skip_bad: leave unreadable files out instead of failing.
        sample_scores: whether samples are scored and audited at the end.
        device: as for `fit`.

    Raises:
        DryRunError: the dry run failed; with its complete message.
    """
    catalog = survey.catalog
    measured = dry_run(recipe, catalog, skip_bad=skip_bad, sample_scores=sample_scores, device=device)
    files = len(catalog.entries)
    images = {
        split: round(measured.slices * sum(entry.split == split for entry in catalog.entries))
        for split in SPLITS
    }
    seconds = measured.prepare * files + budget + measured.evaluate * images["test"]
    if measured.short_form is not None:
        seconds += ShortFormCost(**measured.short_form).seconds(min(images["test"], images["train"]))
    if measured.audit is not None:
        seconds += AuditCost(**measured.audit).seconds(
            training=images["train"], held_out=images["validation"] + images["test"], samples=MOST
        )
    total_slices = round(measured.slices * files)
    tokenizer = make_tokenizer(recipe.tokenizer)
    preparation = recipe.preparation
    geometry = survey.geometry(size=preparation.size, fit=preparation.fit, multiple=tokenizer.multiple)
    shapes = tokenizer.code_shapes(geometry.height, geometry.width)
    prior = make_prior(
        recipe.prior,
        codebook_sizes=tokenizer.codebook_sizes,
        code_shapes=shapes,
        code_dims=tokenizer.code_dims,
        conditions=_conditions(recipe, survey),
        global_code=recipe.global_code,
    )
    decoders = [] if recipe.decoder is None else [make_decoder(recipe.decoder, tokenizer=tokenizer)]
    weights = sum(
        value.numel() * value.element_size()
        for part in (tokenizer, prior, *decoders)
        for value in part.state_dict().values()
    )
    codes = total_slices * sum(
        h * w * np.dtype(stored_type(size)).itemsize
        for (h, w), size in zip(shapes, tokenizer.codebook_sizes, strict=True)
    )
    prepared = total_slices * measured.slice_bytes
    disk = weights * (WEIGHTS_COPIES + RESUME_COPIES) + codes + prepared + measured.progress_bytes
    return CostEstimate(
        minutes=round(seconds / 60, 2),
        memory_mb=round(measured.memory_mb + codes / MB, 1),
        disk_mb=round(disk / MB, 1),
    )


def dry_run(
    recipe: Recipe, catalog: Catalog, *, skip_bad: bool, sample_scores: bool = True, device: str
) -> DryRunMeasurements:
    """Runs the full pipeline with a few files and one epoch, in a separate process and a temporary folder.

    Raises:
        DryRunError: the dry run failed; with its complete message.
    """
    with tempfile.TemporaryDirectory(prefix="scanvq-dry-run-") as name:
        folder = Path(name)
        _write_table(folder / "scans.csv", catalog)
        for table in subject_tables(catalog) if recipe.data.conditions else ():
            shutil.copy(table, folder / table.name)
        (folder / "recipe.toml").write_text(recipe.toml(), encoding="utf-8")
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "scanvq.planning.dry_run",
                name,
                device,
                *(["--skip-bad"] if skip_bad else []),
                *([] if sample_scores else ["--no-sample-scores"]),
            ],
            capture_output=True,
            text=True,
            errors="backslashreplace",
            check=False,
        )
        if done.returncode != 0:
            error = folder / ERROR
            reason = error.read_text(encoding="utf-8") if error.is_file() else _last_line(done.stderr)
            raise DryRunError(f"the dry run of this plan failed: {reason}")
        return DryRunMeasurements(**json.loads((folder / "measurements.json").read_text(encoding="utf-8")))


def _conditions(recipe: Recipe, survey: Survey) -> ConditionSpace:
    """Those that the run will have, as far as the sizes of weights depend on them."""
    names, catalog = recipe.data.conditions, survey.catalog
    found: list[CategoryCondition | NumberCondition] = []
    for name, column in used_columns(catalog, names, volumes=survey.has_volumes).items():
        if name == LABEL:
            found.append(CategoryCondition(name=name, values=catalog.labels))
        elif name == POSITION or column.is_number:
            found.append(NumberCondition(name=name, low=0.0, high=1.0, mean=0.5, std=1.0))
        else:
            found.append(CategoryCondition(name=name, values=column.values))
    return ConditionSpace(tuple(found))


def _write_table(file: Path, catalog: Catalog) -> None:
    """Writes the table of a few files, spread evenly over each split."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(["path", "subject", "group", "split", "label"])
        for split, count in FILES.items():
            entries = Entries(
                entry
                for entry in catalog.entries
                if entry.split == split and entry.path.as_posix().isprintable()  # others do not fit a table
            )
            for entry in entries[:: max(1, len(entries) // count)][:count]:
                row = [catalog.root / entry.path, entry.subject, entry.group, entry.split, entry.label or ""]
                table.writerow(row)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "without a message"
