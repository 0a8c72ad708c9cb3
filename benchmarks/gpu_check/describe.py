"""Prints what a device and its machine are, as JSON: `python -m benchmarks.gpu_check.describe DEVICE`."""

from __future__ import annotations

import json
import sys

import torch

from benchmarks.measuring import machine


def main() -> None:
    device = sys.argv[1]
    if device != "cpu" and not torch.cuda.is_available():
        if device == "cuda":
            raise SystemExit("--device is cuda, but PyTorch sees no CUDA device here")
        raise SystemExit(
            "PyTorch sees no CUDA device here, so there is nothing to check; "
            "`--device cpu --tiny` is a dry run of the check on the CPU"
        )
    chosen = torch.device("cpu" if device == "cpu" else "cuda")
    memory = torch.cuda.get_device_properties(chosen).total_memory / 2**20 if chosen.type == "cuda" else None
    found = {"device": chosen.type, "device_memory_mb": memory, "cuda": torch.version.cuda}
    print(json.dumps(found | {"machine": machine(chosen)}))


if __name__ == "__main__":
    main()
