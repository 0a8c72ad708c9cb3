"""The validation split through an objective: the means of its parts."""

from __future__ import annotations

import numpy as np

from scanvq.training.engine import Engine
from scanvq.training.history import Averages
from scanvq.training.loop import BatchSource
from scanvq.types import Objective

NO_AUGMENTATION = 1.0  # above every augmentation's share


def mean_parts(
    objective: Objective, player: str, source: BatchSource, *, batch_size: int, engine: Engine
) -> dict[str, float]:
    """Each part's mean over a split, which the processes share between them.

    With fewer samples than processes the last processes repeat one with no weight.
    """
    mine = np.arange(len(source))[engine.rank :: engine.processes]
    weighs = len(mine) > 0
    if not weighs:
        mine = np.zeros(1, np.int64)
    averages = Averages()
    for start in range(0, len(mine), batch_size):
        indices = mine[start : start + batch_size]
        batch = source.batch(indices, np.full(len(indices), NO_AUGMENTATION), engine.device)
        averages.add(objective(batch, player, 0), weight=float(len(indices) * weighs))
    return averages.take(engine.sum)
