"""The full pipeline on a few scans, to measure its time and memory.

`python -m scanvq.planning.dry_run FOLDER DEVICE [--skip-bad] [--no-sample-scores]` reads scans.csv and
recipe.toml in FOLDER, and writes measurements.json there, or the complete message of an error to error.txt.
It runs as a separate process, so that peak memory is that of the run.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from scanvq.evaluation.evaluate_run import evaluate_run
from scanvq.model.model import Model
from scanvq.model.source import RunSource
from scanvq.nn.device import choose_device
from scanvq.planning.audit_cost import measure_audit
from scanvq.planning.short_form_cost import measure_short_form
from scanvq.recipe.reading import read_recipe
from scanvq.storage.run_directory import RunDirectory, StageDirectory
from scanvq.store.run_data import open_data
from scanvq.training.engine import Engine, peak_process_mb
from scanvq.training.fit import new_run, train_run
from scanvq.training.fit_request import FitRequest
from scanvq.training.history import Loggers
from scanvq.training.progress_pictures import KEPT, read_progress
from scanvq.training.stages.natural_decoder import PROGRESS_IMAGES as DECODER_IMAGES
from scanvq.training.stages.prior import PROGRESS_SAMPLES
from scanvq.training.stages.tokenizer import PROGRESS_IMAGES
from scanvq.types import Progress

ERROR = "error.txt"


@dataclass(frozen=True, kw_only=True)
class DryRunMeasurements:
    """The measurements of a dry run.

    Attributes:
        prepare: seconds per file.
        evaluate: seconds per test image.
        memory_mb: peak memory of the process.
        slice_bytes: bytes per prepared slice.
        slices: prepared slices per file.
        progress_bytes: bytes of the progress pictures of a complete run.
        short_form: seconds of the parts of the sample scores at the end, as of `ShortFormCost`; None
            without them.
        audit: the same of the audit, as of `AuditCost`.
    """

    prepare: float
    evaluate: float
    memory_mb: float
    slice_bytes: float
    slices: float
    progress_bytes: float
    short_form: Mapping[str, float] | None
    audit: Mapping[str, float] | None


def measure_run(
    folder: Path, device: str, *, skip_bad: bool, sample_scores: bool = True
) -> DryRunMeasurements:
    """Prepares the scans, trains each stage for an epoch, evaluates, and measures the sample scores.

    Args:
        folder: has scans.csv and recipe.toml; the run and its cache are written there.
        device: as for `fit`.
        skip_bad: leave unreadable files out instead of failing.
        sample_scores: whether to measure those and the audit, too.
    """
    cache, run = folder / "cache", RunDirectory(folder / "run")
    started: dict[str, float] = {}
    ended: dict[str, float] = {}

    def progress_for(name: str) -> Progress:
        started.setdefault(name, time.perf_counter())

        def progress(done: int, total: int) -> None:
            ended[name] = time.perf_counter()

        return progress

    recipe = read_recipe(folder / "recipe.toml", overrides=['data.subject=""', 'data.suffix=""'])
    request = FitRequest(
        folder=str((folder / "scans.csv").resolve()),
        epochs=1,
        skip_bad=skip_bad,
        allow_leak=True,  # the run itself checks all scans for leaks
    )
    new_run(run, recipe, request)
    engine = Engine(device=device)
    train_run(run, recipe, request, engine=engine, loggers=Loggers(), cache=cache, progress_for=progress_for)
    model = Model(RunSource(run), device=choose_device(device))
    data = open_data(run, model.recipe.data, cache=cache)
    started["evaluate"] = time.perf_counter()
    evaluate_run(model, run, cache=cache)
    ended["evaluate"] = time.perf_counter()
    short_form = asdict(measure_short_form(model, run, data.dataset("train"))) if sample_scores else None
    audit = asdict(measure_audit(model, data.dataset("train"))) if sample_scores else None
    seconds = {name: ended[name] - started[name] for name in ("prepare", "evaluate")}
    files = len(data.catalog.entries)
    return DryRunMeasurements(
        prepare=seconds["prepare"] / files,
        evaluate=seconds["evaluate"] / len(data.rows("test")),
        memory_mb=peak_process_mb(),
        slice_bytes=sum(file.stat().st_size for file in data.store.folder.glob("*")) / len(data.store),
        slices=len(data.store) / files,
        progress_bytes=_progress_bytes(run.tokenizer, 2 * PROGRESS_IMAGES)
        + _progress_bytes(run.prior, PROGRESS_SAMPLES)
        + (_progress_bytes(run.decoder, DECODER_IMAGES) if recipe.decoder is not None else 0.0),
        short_form=short_form,
        audit=audit,
    )


def _progress_bytes(stage: StageDirectory, images: int) -> float:
    """Bytes of the progress pictures of a complete run, with `images` at each of the kept steps."""
    saved = sum(len(pictures) for _, pictures in read_progress(stage.progress))
    return stage.progress.stat().st_size / saved * images * KEPT if saved else 0.0


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    try:
        measurements = measure_run(
            folder,
            sys.argv[2],
            skip_bad="--skip-bad" in sys.argv,
            sample_scores="--no-sample-scores" not in sys.argv,
        )
    except (ValueError, OSError, FloatingPointError, ImportError, MemoryError) as error:
        message = str(error) or type(error).__name__
        (folder / ERROR).write_text(message, encoding="utf-8", errors="backslashreplace")
        raise
    (folder / "measurements.json").write_text(json.dumps(vars(measurements)), encoding="utf-8")
