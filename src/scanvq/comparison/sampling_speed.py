"""Seconds per created scan, measured and kept in the run."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import torch

from scanvq.model.model import Model
from scanvq.storage.files import validated
from scanvq.storage.run_directory import RunDirectory

WARM_UP = 1


@dataclass(frozen=True, kw_only=True)
class SamplingSpeed:
    """How long a scan takes.

    Attributes:
        seconds: per scan, of a batch, with decoding.
        count: scans of the batch.
        device: it ran on.
        threads: of the CPU.
        prior: content id.
    """

    seconds: float
    count: int
    device: str
    threads: int
    prior: str

    @classmethod
    def read(cls, directory: RunDirectory, prior: str) -> SamplingSpeed | None:
        """That of a run, if it is of this prior; None otherwise."""
        if not directory.sampling_speed.is_file():
            return None
        file = directory.sampling_speed
        stored = validated(file, directory.read(file), cls)
        return stored if stored.prior == prior else None


def measure_speed(model: Model, directory: RunDirectory, count: int) -> SamplingSpeed:
    """Samples and decodes `count` scans, and keeps the time in the run.

    Args:
        model: of the run, with a prior.
        directory: of the run.
        count: scans of the batch that is timed.
    """
    model.sample(WARM_UP, seed=0)
    began = time.perf_counter()
    model.sample(count, seed=1)
    speed = SamplingSpeed(
        seconds=(time.perf_counter() - began) / count,
        count=count,
        device=str(model.device),
        threads=torch.get_num_threads(),
        prior=model.provenance(seed=0).model,
    )
    directory.write(directory.sampling_speed, asdict(speed))
    return speed
