"""Time and memory of inspecting and preparing many small slices, as files and in volumes.

    python -m benchmarks.many_slices FOLDER --files 100000 --slices 1000000

The scans are noise of 64x64 pixels, made in FOLDER and kept for the next call. Every step runs in a process
of its own. The numbers are added to benchmarks/results/many_slices.jsonl.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SIDE = 64
A_VOLUME = 1000  # slices
A_SUBJECT = 20  # files
RESULTS = Path(__file__).parent / "results" / "many_slices.jsonl"


def make_files(folder: Path, count: int) -> None:
    """Gray PNG files, twenty for each subject."""
    from PIL import Image

    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for number in range(count):
        pixels = random.integers(0, 256, (SIDE, SIDE), np.uint8)
        name = f"s{number // A_SUBJECT:05d}_{number % A_SUBJECT:02d}.png"
        Image.fromarray(pixels).save(folder / name, compress_level=1)


def make_volumes(folder: Path, slices: int) -> None:
    """npy volumes of a thousand slices, one for each subject."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for number in range(-(-slices // A_VOLUME)):
        count = min(A_VOLUME, slices - number * A_VOLUME)
        np.save(folder / f"s{number:05d}_0.npy", random.integers(0, 256, (count, SIDE, SIDE), np.uint8))


def step(name: str, folder: Path, cache: Path) -> dict[str, float]:
    """Runs "inspect" or "prepare" in this process: slices, seconds, CPU seconds, and the most memory."""
    from scanvq.cohort.catalog_reader import read_catalog
    from scanvq.cohort.survey import Survey
    from scanvq.imaging.geometry import Geometry
    from scanvq.store.store import prepare_store

    began, used = time.perf_counter(), time.process_time()
    catalog = read_catalog(folder)
    if name == "inspect":
        found: int = Survey.of(catalog, slices="all").fingerprint["slices"]
    else:
        geometry = Geometry(height=SIDE, width=SIDE)
        found = len(prepare_store(catalog, geometry=geometry, slices="all", cache=cache))
    return {
        "slices": found,
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(time.process_time() - used, 1),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--slices", type=int, default=1_000_000)
    parser.add_argument("--step", nargs=2, metavar=("NAME", "SCANS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        print(json.dumps(step(given.step[0], Path(given.step[1]), given.folder / "cache")))
        return
    for kind, count, make in (("files", given.files, make_files), ("volumes", given.slices, make_volumes)):
        scans = given.folder / f"{kind}-{count}"
        if not scans.is_dir():
            make(scans, count)
        for name in ("inspect", "prepare"):
            program = [sys.executable, "-m", "benchmarks.many_slices", str(given.folder)]
            command = [*program, "--step", name, str(scans)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            row = {"scans": kind, "step": name, **json.loads(done.stdout.splitlines()[-1])}
            print(json.dumps(row), flush=True)
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
