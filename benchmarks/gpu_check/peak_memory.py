"""Peak memory of a `scanvq` command: `python -m benchmarks.gpu_check.peak_memory FILE COMMAND ...`."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import torch

from scanvq.cli.main import main as scanvq
from scanvq.storage.files import write_json


def main() -> None:
    file = Path(sys.argv[1])
    sys.argv = ["scanvq", *sys.argv[2:]]
    try:
        scanvq()
    finally:
        peaks = {"process_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        if torch.cuda.is_available():
            peaks["cuda_allocated_mb"] = torch.cuda.max_memory_allocated() / 2**20
            peaks["cuda_reserved_mb"] = torch.cuda.max_memory_reserved() / 2**20
        write_json(file, peaks)


if __name__ == "__main__":
    main()
