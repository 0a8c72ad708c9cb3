"""The full pipeline with a few scans, in a process of its own, to measure its time and memory.

`python -m scanvq.dry_run FOLDER DEVICE [--skip-bad]` reads scans.csv and recipe.toml in FOLDER, and writes
measurements.json there.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from scanvq import api
from scanvq.planning.cost_estimate import DryRunMeasurements
from scanvq.recipe.reading import read_recipe
from scanvq.storage.run_directory import StageDirectory
from scanvq.store.run_data import open_data
from scanvq.training.engine import peak_process_mb
from scanvq.training.progress_pictures import KEPT, read_progress
from scanvq.training.stages.prior import PROGRESS_SAMPLES
from scanvq.training.stages.tokenizer import PROGRESS_IMAGES


def dry_run(folder: Path, device: str, *, skip_bad: bool) -> DryRunMeasurements:
    """Prepares, trains an epoch and evaluates."""
    cache, out = folder / "cache", folder / "run"
    began: dict[str, float] = {}
    ended: dict[str, float] = {}

    def progress_for(name: str) -> Callable[[int, int], None]:
        began.setdefault(name, time.perf_counter())

        def progress(done: int, total: int) -> None:
            ended[name] = time.perf_counter()

        return progress

    run = api.fit(
        folder / "scans.csv",
        out=out,
        recipe=read_recipe(folder / "recipe.toml", overrides=['data.subject=""']),
        epochs=1,
        skip_bad=skip_bad,
        allow_leak=True,  # the run itself looks for leaks, in all scans
        device=device,
        cache=cache,
        progress_for=progress_for,
    )
    assert run is not None
    data = open_data(run.directory, run.model.recipe.data, cache=cache)
    start = time.perf_counter()
    run.evaluate(cache=cache)
    evaluated = time.perf_counter()
    files = len(data.catalog.entries)
    return DryRunMeasurements(
        prepare=(ended["prepare"] - began["prepare"]) / files,
        evaluate=(evaluated - start) / len(data.rows("test")),
        memory_mb=peak_process_mb(),
        slice_bytes=sum(file.stat().st_size for file in data.store.folder.glob("*")) / len(data.store),
        slices=len(data.store) / files,
        progress_bytes=_progress_bytes(run.directory.tokenizer, 2 * PROGRESS_IMAGES)
        + _progress_bytes(run.directory.prior, PROGRESS_SAMPLES),
    )


def _progress_bytes(stage: StageDirectory, pictures: int) -> float:
    """What a stage's pictures of progress will take, so many at each of the moments that are kept."""
    made = sum(len(images) for _, images in read_progress(stage.progress))
    return stage.progress.stat().st_size / made * pictures * KEPT if made else 0.0


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    measured = dry_run(folder, sys.argv[2], skip_bad="--skip-bad" in sys.argv)
    (folder / "measurements.json").write_text(json.dumps(vars(measured)), encoding="utf-8")
