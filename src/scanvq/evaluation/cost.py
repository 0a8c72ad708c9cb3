"""Measured cost of a run and of each training stage."""

from __future__ import annotations

from typing import Any

from scanvq.storage.run_directory import RunDirectory


def cost_of(run: RunDirectory) -> dict[str, Any]:
    """The cost entry of metrics.json: the total, if it was measured, and each stage."""
    cost: dict[str, Any] = run.read(run.cost) if run.cost.is_file() else {}
    for name, stage in (("tokenizer", run.tokenizer), ("prior", run.prior), ("decoder", run.decoder)):
        if stage.history.is_file():
            state = run.read(stage.history)
            cost[name] = {
                "seconds": round(state["elapsed"], 1),
                "images_per_second": round(state["images"] / max(state["elapsed"], 1e-9), 1),
                "peak_memory_mb": round(state["peak_memory_mb"], 1),
            }
    return cost
