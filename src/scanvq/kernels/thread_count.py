"""How many threads a step of sampling is worth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

_ONE_THREAD_BATCH = 16
"""Up to this batch a cell is too little work to share: waiting for the other threads costs more."""


@contextmanager
def few_threads(known: Tensor) -> Iterator[None]:
    """One thread for small batches on the CPU; two that wait for each other are ten times slower."""
    threads = torch.get_num_threads()
    few = known.device.type == "cpu" and threads > 1 and known.shape[0] <= _ONE_THREAD_BATCH
    if few:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if few:
            torch.set_num_threads(threads)
