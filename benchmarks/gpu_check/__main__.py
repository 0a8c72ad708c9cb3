"""Checks ScanVQ on a GPU in at most eight minutes, without a network: `python -m benchmarks.gpu_check`.

The tests marked `gpu`, a planned fit of two minutes with samples and reconstructions, and the tables of a
training step, the quantizers and sampling with few turns. Each result is in the JSON as soon as it exists.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.gpu_check.limited import Outcome, limits, run
from benchmarks.gpu_check.parts import OWN, ROOT, SHARES, Part, Setting, parts
from benchmarks.gpu_check.requirements import (
    MissingRequirementsError,
    install,
    installed_versions,
    read_project,
    requirements,
)
from benchmarks.gpu_check.wheels import WHEELS
from scanvq.storage.files import write_json

TIME = 475.0  # seconds of everything
DRY_RUN = OWN / "gpu_check.json"
RESULT = ROOT / "benchmarks" / "results" / "gpu_check.json"


def main() -> None:
    given = _arguments()
    begun = time.monotonic()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # ends the part under way
    out = (given.out or (DRY_RUN if given.device == "cpu" else RESULT)).resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gpu-check-", ignore_cleanup_errors=True) as work:
        record = check(given, out, Path(work), begun)
    failed = [name for name, part in record["parts"].items() if part["status"] != "passed"]
    print(f"{time.monotonic() - begun:.0f} s; results in {out}")
    if failed:
        raise SystemExit(f"not passed: {', '.join(failed)}; see {out} and the logs beside it")


def check(given: argparse.Namespace, out: Path, work: Path, begun: float) -> dict[str, Any]:
    """Prepares the machine and runs all parts; returns what the JSON holds."""
    packages = work / "packages"
    wanted = requirements(read_project(), demo_cohort=given.data is None)
    try:
        added = install(wanted, given.wheels, packages)
    except MissingRequirementsError as error:
        raise SystemExit(f"gpu-check: {error}") from None
    environment = _environment(packages, work, given.device)
    described = run(
        [sys.executable, "-m", "benchmarks.gpu_check.describe", given.device],
        limit=60,
        log=out.with_name(f"{out.stem}-machine.log"),
        environment=environment,
        folder=ROOT,
    )
    if described.status != "passed":
        raise SystemExit(f"gpu-check: {described.output.strip()}")
    machine = json.loads(described.output.splitlines()[-1])
    setting = Setting(device=machine["device"], tiny=given.tiny, scans=given.data, work=work, out=out)
    record = {
        **machine,
        "tiny": given.tiny,
        "scans": "demo cohort" if given.data is None else "a folder",
        "installed": added,
        "versions": installed_versions(wanted),
        "parts": {},
    }
    write_json(out, record)
    for part in parts(setting):
        left = TIME - (time.monotonic() - begun)
        limit = limits(SHARES, part.name, left)
        record["parts"][part.name] = result = _run_part(part, limit, out, environment)
        record["seconds"] = round(time.monotonic() - begun, 1)
        write_json(out, record)
        print(
            f"{part.name}: {result['status']}, {result['seconds']:.0f} of at most {limit:.0f} s", flush=True
        )
    return record


def _run_part(part: Part, limit: float, out: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    if part.needs is not None and not part.needs.exists():
        outcome = Outcome(status="not begun", output=f"there is no {part.needs}")
    else:
        outcome = run(
            [sys.executable, *part.arguments],
            limit=limit,
            log=out.with_name(f"{out.stem}-{part.name}.log"),
            environment=environment,
            folder=ROOT,
        )
    kept = {} if outcome.status == "not begun" else part.collect(outcome.output)
    common = {"status": outcome.status, "seconds": outcome.seconds, "limit_seconds": round(limit, 1)}
    return {**common, "output": outcome.tail, **kept}


def _environment(packages: Path, work: Path, device: str) -> dict[str, str]:
    paths = [str(ROOT / "src"), str(packages), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "COLUMNS": "160",
        "SCANVQ_CACHE": str(work / "cache"),
        "SCANVQ_TRACEBACK": "1",
        "SCANVQ_TEST_DEVICE": "cpu" if device == "cpu" else "cuda",
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_check", description=__doc__)
    parser.add_argument(
        "--device", choices=("auto", "cuda", "cpu"), default="auto", help="auto refuses where there is no GPU"
    )
    parser.add_argument(
        "--tiny", action="store_true", help="a dry run on small data; its numbers mean nothing"
    )
    parser.add_argument("--data", type=Path, help="a folder of scans; default: the demo cohort")
    parser.add_argument(
        "--out", type=Path, help=f"the JSON; default {RESULT.relative_to(ROOT)}, of a CPU under runs/"
    )
    parser.add_argument("--wheels", type=Path, default=WHEELS, help="wheels of what this machine lacks")
    given = parser.parse_args()
    if given.data is not None:
        given.data = given.data.resolve()
        if not given.data.exists():
            parser.error(f"--data is {given.data}, which does not exist")
    if given.device == "cpu" and given.out is not None and given.out.resolve() == RESULT:
        parser.error(f"--out {RESULT} is for a GPU's numbers; a CPU's go elsewhere")
    return given


if __name__ == "__main__":
    main()
