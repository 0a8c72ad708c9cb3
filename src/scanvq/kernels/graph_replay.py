"""The same work on the same tensors, time and again: on a GPU recorded once and replayed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import torch

Work = Callable[[], None]
"""Reads and writes tensors that stay where they are, and asks the host for nothing."""

RECORDING_SECONDS = 0.1
"""What recording may cost: one more run for the host, a synchronization, a new pool of memory. A judgment."""

_BEFORE = 2  # runs as they come: the first one loads kernels, the second is timed


class Replayed:
    """Work that is called time and again; on a CUDA device its kernels become one CUDA graph where that pays.

    A cell of a sample is dozens of kernels, each so small that launching it takes longer than running it. A
    graph launches all of them at once. It pays if the runs left would take longer than recording does, which
    the second run is timed for. On other devices the work is called as it is.

    Args:
        work: the same kernels on the same tensors in every call.
        device: of the tensors.
        times: how often it will be called.
    """

    def __init__(self, work: Work, device: torch.device, *, times: int) -> None:
        self.recordable = can_record(device)
        self._run, self._left = work, times
        self._before = _BEFORE if self.recordable else 0

    def __call__(self) -> None:
        self._left -= 1
        if not self._before:
            self._run()
            return
        self._before -= 1
        start = _now()
        self._run()
        if not self._before and (_now() - start) * self._left > RECORDING_SECONDS:
            self._run = record(self._run)


def can_record(device: torch.device) -> bool:
    """Whether work on this device can be recorded."""
    return device.type == "cuda"


def record(work: Work) -> Work:
    """The kernels of `work` as one CUDA graph; nothing is computed meanwhile.

    If the driver refuses, a RuntimeWarning says so and the work comes back as it was.
    """
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            work()
    except RuntimeError as error:
        reported = f"sampling goes on cell by cell, without a CUDA graph: {error}"
        warnings.warn(reported, RuntimeWarning, stacklevel=2)
        return work
    return graph.replay


def _now() -> float:
    torch.cuda.synchronize()
    return time.monotonic()
