"""Repeated work on the same tensors, captured as a CUDA graph and replayed on GPUs."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import torch

Work = Callable[[], None]
"""Reads and writes tensors at fixed addresses, without host synchronization."""

CAPTURE_SECONDS = 0.1
"""Assumed cost of a capture: another run on the host, a synchronization, a new memory pool."""

_EAGER_CALLS = 2  # before the capture: the first loads kernels, the second is timed


class GraphReplay:
    """Repeated work: as `reference_graph_replay`, but captured on CUDA devices if that saves time.

    Sampling a cell runs dozens of kernels, each so small that its launch takes longer than its execution. A
    CUDA graph launches all of them at once. It saves time if the remaining calls would take longer than the
    capture, which is estimated from the second call. On other devices the work is called directly.

    Gain: on a CPU none; on a CUDA device not measured yet.

    Args:
        work: the same kernels on the same tensors in every call.
        device: of the tensors.
        calls: total number of calls.
    """

    def __init__(self, work: Work, device: torch.device, *, calls: int) -> None:
        self.can_capture = can_capture(device)
        self._work, self._left = work, calls
        self._eager_calls = _EAGER_CALLS if self.can_capture else 0

    def __call__(self) -> None:
        self._left -= 1
        if not self._eager_calls:
            self._work()
            return
        self._eager_calls -= 1
        start = _now()
        self._work()
        if not self._eager_calls and (_now() - start) * self._left > CAPTURE_SECONDS:
            self._work = capture(self._work)


def reference_graph_replay(work: Work, device: torch.device, *, calls: int) -> Work:
    """The work without capture; see `GraphReplay` for the arguments."""
    return work


def can_capture(device: torch.device) -> bool:
    """Whether work on this device can be captured."""
    return device.type == "cuda"


def capture(work: Work) -> Work:
    """The kernels of `work` as a CUDA graph; nothing is computed during the capture.

    If the driver refuses, a RuntimeWarning is issued and the work is returned unchanged.
    """
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            work()
    except RuntimeError as error:
        message = f"sampling continues cell by cell, without a CUDA graph: {error}"
        warnings.warn(message, RuntimeWarning, stacklevel=2)
        return work
    return graph.replay


def _now() -> float:
    torch.cuda.synchronize()
    return time.monotonic()
