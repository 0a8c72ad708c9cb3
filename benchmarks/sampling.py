"""How long does a sample take: the cached sampler, or the network run again for every cell?

Gated PixelCNN (report 004: 256 codes, 128 channels, 7 layers) and PixelCNN (report 002: 64 codes, 2 blocks),
untrained, since time does not depend on the weights, on grids of 32x32 and 64x64. What the plain way takes is
one forward pass of our own network, whose first layer is a lookup, times the number of cells; at 32x32 it is
also run whole once, and must give the same codes. Cached samples and passes take turns; medians.

    python benchmarks/sampling.py [--repeats 5] [--batch 4] [--out benchmarks/results/sampling.json] [--short]

Columns: seconds for a batch cached; plain, run whole; plain, as one pass times cells; how many times faster
cached is than that.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.pixelcnn import PixelCNN
from scanvq.sampling.raster import sample_raster
from scanvq.types import UNKNOWN, Draw, LikelihoodPrior

SIDES, SHORT_SIDES = (32, 64), (8, 12)
NETWORKS: dict[str, Callable[[], LikelihoodPrior]] = {
    "gated_pixelcnn, report 004": lambda: GatedPixelCNN(codebook_size=256),
    "pixelcnn, report 002": lambda: PixelCNN(codebook_size=64),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "sampling.json")
    parser.add_argument(
        "--short", action="store_true", help="tiny grids, to see that it works; writes nothing"
    )
    chosen = parser.parse_args()
    sides = SHORT_SIDES if chosen.short else SIDES
    rows = []
    print(f"{'network':28} {'grid':>7} {'cached':>9} {'plain':>9} {'pass x cells':>13} {'ratio':>7}")
    for name, make in NETWORKS.items():
        for side in sides:
            row = compare(name, make, side, chosen.batch, chosen.repeats, whole=side == sides[0])
            rows.append(row)
            plain = f"{row['plain_s']:8.2f}s" if row["plain_s"] is not None else "not run"
            print(
                f"{name:28} {side:>3}x{side:<3} {row['cached_s']:8.3f}s {plain:>9} "
                f"{row['pass_times_cells_s']:12.2f}s {row['ratio']:6.0f}x",
                flush=True,
            )
    last = f"{sides[1]}x{sides[1]}"
    print(f"on {last} the plain way is one forward pass times {sides[1] ** 2:,} cells; it was not run whole")
    if not chosen.short:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        record = {"machine": machine(), "batch": chosen.batch, "repeats": chosen.repeats, "rows": rows}
        chosen.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {chosen.out}")


def compare(
    name: str, make: Callable[[], LikelihoodPrior], side: int, batch: int, repeats: int, *, whole: bool
) -> dict[str, Any]:
    """Times one network on one grid; `whole` also runs the plain way from first cell to last."""
    torch.manual_seed(0)
    prior = make().eval()
    known = torch.full((batch, side, side), UNKNOWN)
    codes = known.clamp(min=0)

    def cached() -> torch.Tensor:
        return prior.sample(known, draw=Draw(), generator=torch.Generator().manual_seed(0))

    with torch.inference_mode():
        sampled = cached()
        prior.logits(codes)
        cached_times, pass_times = [], []
        for _ in range(repeats):
            cached_times.append(seconds(cached))
            pass_times.append(seconds(lambda: prior.logits(codes)))
        plain = None
        if whole:
            begun = time.perf_counter()
            again = sample_raster(
                prior.logits, known, draw=Draw(), generator=torch.Generator().manual_seed(0)
            )
            plain = time.perf_counter() - begun
            assert torch.equal(again, sampled), "cached and plain codes differ"
    one_pass = statistics.median(pass_times)
    own = statistics.median(cached_times)
    return {
        "network": name,
        "side": side,
        "cached_s": own,
        "cached_all_s": cached_times,
        "plain_s": plain,
        "pass_s": one_pass,
        "pass_all_s": pass_times,
        "pass_times_cells_s": one_pass * side**2,
        "ratio": one_pass * side**2 / own,
    }


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def machine() -> dict[str, Any]:
    """What the numbers depend on besides the code."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor(),
        "logical_cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_average_at_end": os.getloadavg(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "scanvq": version("scanvq"),
    }


if __name__ == "__main__":
    main()
