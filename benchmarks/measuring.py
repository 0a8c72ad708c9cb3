"""Times in turns, peak extra memory in a process of its own, and the speed of the machine."""

from __future__ import annotations

import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.peers import PEERS, absent

Work = Callable[[], object]


def turns(
    candidates: Mapping[str, Work],
    *,
    repeats: int,
    device: torch.device,
    warm: bool = True,
    steady: bool = False,
) -> dict[str, list[float]]:
    """Seconds of every candidate: they alternate, so that other work on the machine falls on all of them.

    Args:
        candidates: name -> work.
        repeats: turns of each.
        device: is waited for after each turn.
        warm: let each run once before, unmeasured.
        steady: let each run once before each of its turns, unmeasured, as work that in use repeats itself.
    """
    if warm:
        for work in candidates.values():
            work()
    measured: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repeats):
        for name, work in candidates.items():
            if steady:
                work()
            measured[name].append(seconds(work, device))
    return measured


class Apart:
    """A work in a process of its own: what it changes there, such as the allocator, touches no other's.

    Args:
        make: a function of a module, which makes the work.
        arguments: its arguments.
    """

    def __init__(self, make: Callable[..., Work], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._name = f"{make.__name__}{arguments}"
        self._process = context.Process(target=_work_apart, args=(there, make, arguments), daemon=True)
        self._process.start()
        there.close()

    def __call__(self) -> None:
        """Runs it once. Raises RuntimeError where its process died."""
        try:
            self._here.send(None)
            self._here.recv()
        except (EOFError, BrokenPipeError):
            raise RuntimeError(f"the process of {self._name} died; see above") from None

    def close(self) -> None:
        self._here.close()
        self._process.join()


def _work_apart(pipe: Connection, make: Callable[..., Work], arguments: tuple[Any, ...]) -> None:
    work = make(*arguments)
    while True:
        try:
            pipe.recv()
        except EOFError:  # closed
            return
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        pipe.send(None)


def seconds(work: Work, device: torch.device) -> float:
    _wait(device)
    begun = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - begun


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def gemm(rows: int, inner: int, columns: int, *, dtype: torch.dtype, device: torch.device) -> Work:
    """One matrix product (rows, inner) x (inner, columns) into memory that is there already."""
    left = torch.randn(rows, inner, device=device).to(dtype)
    right = torch.randn(inner, columns, device=device).to(dtype)
    out = torch.empty(rows, columns, dtype=dtype, device=device)
    return lambda: torch.mm(left, right, out=out)


def copy(megabytes: int, *, device: torch.device) -> Work:
    """One copy from memory to memory."""
    source = torch.ones(megabytes * 2**20, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def exponent(sizes: list[float], times: list[float]) -> float:
    """The slope of log time over log size, by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def peak_extra_mb(make: Callable[..., Work], *, size: tuple[Any, ...], warm: tuple[Any, ...]) -> float | None:
    """The most memory that one call of a work adds to a fresh process.

    Args:
        make: a function of a module, which makes the work of a size.
        size: its arguments.
        warm: the arguments of a smaller work that runs before, so that libraries are loaded.

    Returns:
        MiB of resident memory above what was held before the call; None where the system cannot tell
        (it can on Linux).
    """
    if not Path("/proc/self/clear_refs").exists():
        return None
    context = multiprocessing.get_context("forkserver")  # imports once, and no child holds what another left
    context.set_forkserver_preload([make.__module__])
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_measure_memory, args=(there, make, size, warm))
    child.start()
    there.close()
    try:
        extra: float = here.recv()
    except EOFError:
        raise RuntimeError(f"the process that measures {make.__name__}{size} died; see above") from None
    finally:
        child.join()
    return extra


def _measure_memory(
    pipe: Connection, make: Callable[..., Work], size: tuple[Any, ...], warm: tuple[Any, ...]
) -> None:
    make(*warm)()
    work = make(*size)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak so far
    before = _high_water_kb()
    work()
    pipe.send((_high_water_kb() - before) / 1024)


def _high_water_kb() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def machine(device: torch.device) -> dict[str, Any]:
    """What the numbers depend on besides the code, as it is before anything is measured."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    units = {word for line in lines if line.startswith("flags") for word in line.split()}
    return {
        "processor": models[0] if models else platform.processor(),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "bf16_units": sorted(units & {"amx_bf16", "avx512_bf16"}),
        "logical_cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_average_before": list(os.getloadavg()),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "scanvq": version("scanvq"),
        **{name: None if absent(name) else version(name) for name in PEERS},
    }
