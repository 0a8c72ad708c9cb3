"""The environment of a run: versions, machine, command."""

from __future__ import annotations

import platform
import shlex
import sys
from importlib.metadata import version
from typing import Any

import psutil
import torch

from scanvq.training.engine import Engine

PACKAGES = ("scanvq", "torch", "numpy", "scipy", "accelerate", "nibabel", "pillow", "safetensors")


def environment(engine: Engine) -> dict[str, Any]:
    """Versions, hardware and command line that results may depend on."""
    gpu = torch.cuda.get_device_name(engine.device) if engine.device.type == "cuda" else None
    return {
        "command": shlex.join(["scanvq", *sys.argv[1:]]),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count() or 0,
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "device": gpu or str(engine.device),
        "processes": engine.processes,
        "threads": torch.get_num_threads(),
    }
