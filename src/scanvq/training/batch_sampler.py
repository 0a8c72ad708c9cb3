"""The samples of each step: a pure function of seed and step, so that a resumed run gets the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class DeterministicBatchSampler:
    """Shuffled epochs over `samples`, cut into global batches, and each of these into one shard per process.

    An incomplete last batch is dropped; every epoch has another order. With fewer samples than a global
    batch, samples repeat within it.

    Attributes:
        samples: number of training samples.
        batch_size: samples per step on one process.
        seed: of the shuffles.
        rank: of this process.
        processes: number of processes.
    """

    samples: int
    batch_size: int
    seed: int
    rank: int = 0
    processes: int = 1

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError("there is no training sample")

    @property
    def steps_per_epoch(self) -> int:
        return max(1, self.samples // (self.batch_size * self.processes))

    def indices(self, step: int) -> NDArray[np.int64]:
        """The sample numbers of this process in a step, (batch_size,)."""
        epoch, position = divmod(step, self.steps_per_epoch)
        global_batch = self.batch_size * self.processes
        shuffled = np.resize(_shuffled(self.samples, self.seed, epoch), max(global_batch, self.samples))
        return shuffled[position * global_batch :][:global_batch][self._shard()]

    def augmentation_uniforms(self, step: int) -> NDArray[np.float64]:
        """A uniform number in [0, 1) for every sample of this process, for its augmentation."""
        global_batch = self.batch_size * self.processes
        return np.random.default_rng((self.seed, 1, step)).random(global_batch)[self._shard()]

    def _shard(self) -> slice:
        return slice(self.rank * self.batch_size, (self.rank + 1) * self.batch_size)


@lru_cache(maxsize=2)
def _shuffled(samples: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, 0, epoch)).permutation(samples)
