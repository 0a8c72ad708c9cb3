"""The validation split through an objective: the weighted mean of its parts."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from scanvq.training.engine import Engine
from scanvq.training.loop import Source
from scanvq.types import Objective

NO_DRAW = 1.0  # above every augmentation's share


def mean_parts(
    objective: Objective, player: str, source: Source, *, batch_size: int, engine: Engine
) -> tuple[dict[str, float], float]:
    """Each part's mean over this process's share of a split, and that share's number of samples.

    With fewer samples than processes the last processes repeat one with no weight.
    """
    mine = np.arange(len(source))[engine.rank :: engine.processes]
    weight = float(len(mine))
    if not len(mine):
        mine = np.zeros(1, np.int64)
    sums: dict[str, float] = defaultdict(float)
    for start in range(0, len(mine), batch_size):
        indices = mine[start : start + batch_size]
        batch = source.batch(indices, np.full(len(indices), NO_DRAW), engine.device)
        for name, value in objective(batch, player, 0).parts.items():
            sums[name] += float(value) * len(indices)
    return {name: value / len(mine) for name, value in sums.items()}, weight
