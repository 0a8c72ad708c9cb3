"""The measured cost of a run: time, memory and disk, beside the estimate of its plan."""

from __future__ import annotations

from typing import Any

from scanvq.planning.document import read_plan
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.run_data import RunData
from scanvq.training.engine import peak_process_mb


def measure_cost(run: RunDirectory, data: RunData, seconds: float) -> dict[str, Any]:
    """The cost of a complete run that was trained in this process.

    Args:
        run: the run.
        data: the data of the run.
        seconds: from the first file to the scores.
    """
    estimated = None
    if run.plan.is_file():
        cost_estimate = read_plan(run.plan).cost_estimate
        estimated = None if cost_estimate is None else vars(cost_estimate)
    files = [*run.path.rglob("*"), *data.store.folder.rglob("*")]
    measured = {
        "minutes": round(seconds / 60, 2),
        "memory_mb": round(peak_process_mb(), 1),
        "disk_mb": round(sum(file.stat().st_size for file in files if file.is_file()) / 2**20, 1),
    }
    return {"estimated": estimated, "measured": measured}
