"""Freed memory is kept for the next tensor."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, torch
from scanvq.kernels.allocator import keep_freed_memory
{first}
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


def faults(first: str) -> int:
    """Pages that twenty tensors of 64 MiB take from the system, one after the other, the second time."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(first=first)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
@pytest.mark.slow
def test_memory_is_not_taken_anew() -> None:
    assert faults("assert keep_freed_memory()") < 0.1 * faults("")
