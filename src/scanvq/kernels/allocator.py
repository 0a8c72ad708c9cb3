"""How the C library keeps the memory that PyTorch frees on a CPU."""

from __future__ import annotations

import ctypes
import sys

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # names of glibc's malloc.h
_LARGEST_KEPT = 2**30  # bytes of one tensor


def keep_freed_memory() -> bool:
    """Lets this process keep freed memory for its next tensors; says whether it will.

    By default glibc gives large blocks back to the system as soon as they are free, and every step of a
    training gets them anew, page by page, zeroed: a tenth to a fifth of the step of a small network. The
    peak stays the same. Elsewhere than on Linux with glibc nothing is done.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)) and bool(mallopt(_TRIM_THRESHOLD, 2**31 - 1))
