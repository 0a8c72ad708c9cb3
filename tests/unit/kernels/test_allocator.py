"""Freed memory is reused for later tensors."""

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
torch.manual_seed(0)
layer = torch.nn.Conv2d(1, 8, 3)
layer(torch.randn(2, 1, 64, 64)).square().sum().backward()
print(faults(), layer.weight.grad.numpy().tobytes().hex())
"""


def run(first: str) -> tuple[int, str]:
    """Pages that twenty tensors of 64 MiB take from the system, one after the other, the second time; and the
    gradient of a convolution.
    """
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(first=first)], capture_output=True, text=True, check=True
    )
    pages, gradient = done.stdout.split()
    return int(pages), gradient


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
@pytest.mark.slow
def test_memory_is_reused_and_results_are_unchanged() -> None:
    kept, gradient = run("assert keep_freed_memory()")
    released, expected = run("")
    assert kept < 0.1 * released
    assert gradient == expected
