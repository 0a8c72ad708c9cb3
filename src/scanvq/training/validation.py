"""Validation: the mean losses of an objective over the validation split."""

from __future__ import annotations

import numpy as np

from scanvq.training.engine import Engine
from scanvq.training.history import Averages
from scanvq.training.stage import TrainingDataset
from scanvq.types import Objective

NO_AUGMENTATION = 1.0  # above the probability of every augmentation


def mean_losses(
    objective: Objective, player: str, dataset: TrainingDataset, *, batch_size: int, engine: Engine
) -> dict[str, float]:
    """The mean of each loss over a split, which is divided over the processes.

    With fewer samples than processes, the last processes repeat a sample with weight 0.
    """
    shard = np.arange(len(dataset))[engine.rank :: engine.processes]
    has_samples = len(shard) > 0
    if not has_samples:
        shard = np.zeros(1, np.int64)
    averages = Averages()
    for start in range(0, len(shard), batch_size):
        indices = shard[start : start + batch_size]
        batch = dataset.batch(indices, np.full(len(indices), NO_AUGMENTATION), engine.device)
        averages.add(objective(batch, player, 0), weight=float(len(indices) * has_samples))
    return averages.take(engine.sum)
