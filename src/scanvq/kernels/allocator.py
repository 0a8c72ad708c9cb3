"""Reuse of freed CPU memory by the allocator."""

from __future__ import annotations

import ctypes
import sys

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # names of glibc's malloc.h
_LARGEST_KEPT = 2**30  # bytes of one tensor


def keep_freed_memory() -> bool:
    """Makes this process reuse freed memory for later tensors. Returns whether it is supported.

    By default glibc returns large freed blocks to the system, and every training step allocates them again,
    page by page, zeroed. Peak memory stays the same. Has no effect except on Linux with glibc. It computes
    nothing, so the reference is a run without it.

    Gain: a training step of the demo tokenizer 6 %, in fp32 13 %; of its prior 3 %; of the planned tokenizer
    1 %.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)) and bool(mallopt(_TRIM_THRESHOLD, 2**31 - 1))
