"""The parts of the check: what each runs, how long it may take, and what is kept of it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
TABLES = ("training_step", "quantizer", "sampling")
TURNS = 3
SAMPLES = 32
SCORES = ("tokenizer", "prior", "cost")  # of metrics.json
OWN = ROOT / "runs" / "gpu_check"

SHARES: dict[str, float] = {
    "tests": 75,
    "cohort": 25,
    "fit": 190,
    "samples": 20,
    "training_step": 65,
    "quantizer": 20,
    "sampling": 55,
}
"""Part -> seconds that it is sure of, in their order; with the start they make less than eight minutes."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What the parts are run with.

    Attributes:
        device: "cuda" or "cpu".
        tiny: small data, networks and budgets: a dry run of the check, whose numbers mean nothing.
        scans: a folder of scans; None makes the demo cohort.
        work: a folder for what is not kept.
        out: the JSON file; pictures of the demo cohort go beside it.
    """

    device: str
    tiny: bool
    scans: Path | None
    work: Path
    out: Path

    @property
    def folder(self) -> Path:
        """The scans to train on."""
        return self.scans or self.work / "scans"

    @property
    def run(self) -> Path:
        return self.work / "run"

    def picture(self, name: str) -> Path:
        """Where a picture is kept: of scans of one's own under runs/, which is not committed."""
        folder = self.out.parent if self.scans is None else OWN
        return folder / f"{self.out.stem}-{name}.png"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the check.

    Attributes:
        name: of `SHARES`.
        arguments: those of Python.
        collect: what is kept of it, whatever its end: from its output.
        needs: a file or folder without which it is not begun; None needs nothing.
    """

    name: str
    arguments: tuple[str, ...]
    collect: Callable[[str], dict[str, Any]]
    needs: Path | None = None


def parts(setting: Setting) -> list[Part]:
    """All parts in their order."""
    found = [_tests(setting)]
    if setting.scans is None:
        found.append(_cohort(setting))
    return [*found, _fit(setting), _samples(setting), *(_table(name, setting) for name in TABLES)]


def _tests(setting: Setting) -> Part:
    files = [str(path.relative_to(ROOT)) for path in gpu_test_files(ROOT / "tests")]
    options = ["-m", "gpu", "-o", "addopts=--strict-markers --import-mode=importlib", "-v", "-rs"]
    options += ["-W", "default", "-p", "no:cacheprovider"]  # another PyTorch's warnings are no failures
    return Part(name="tests", arguments=("-m", "pytest", *options, *files), collect=tests_of)


def gpu_test_files(folder: Path) -> list[Path]:
    """The files of tests marked `gpu`: others are not imported, as they need more packages."""
    return [
        path for path in sorted(folder.rglob("test_*.py")) if "mark.gpu" in path.read_text(encoding="utf-8")
    ]


def tests_of(output: str) -> dict[str, Any]:
    """Counts and failures, from the lines of `pytest -v`; a run that was cut short has them too."""
    results = re.findall(r"^(\S+::.+?) (PASSED|FAILED|ERROR|SKIPPED)\b", output, re.MULTILINE)
    names: dict[str, list[str]] = {}
    for name, result in results:
        names.setdefault(result, []).append(name)
    reasons = sorted(set(re.findall(r"^SKIPPED \[\d+\] \S+ (.+)$", output, re.MULTILINE)))
    return {
        "passed": len(names.get("PASSED", ())),
        "failed": len(names.get("FAILED", ())) + len(names.get("ERROR", ())),
        "skipped": len(names.get("SKIPPED", ())),
        "failures": [*names.get("FAILED", ()), *names.get("ERROR", ())],
        "skip_reasons": reasons,
    }


def _cohort(setting: Setting) -> Part:
    subjects, slices = (24, 3) if setting.tiny else (120, 8)
    command = ("-m", "scanvq", "data", "demo", str(setting.folder))
    counts = ("--subjects", str(subjects), "--slices", str(slices))
    return Part(
        name="cohort",
        arguments=(*command, *counts),
        collect=lambda output: {"subjects": subjects, "slices_each": slices},
    )


def _fit(setting: Setting) -> Part:
    budget = "10s" if setting.tiny else "2m"
    small = ("--set", "preparation.size=[64, 64]") if setting.tiny else ()
    memory = setting.work / "peak_memory.json"
    command = ("-m", "benchmarks.gpu_check.peak_memory", str(memory), "fit", str(setting.folder))
    options = ("--budget", budget, "--out", str(setting.run), "--device", setting.device, "--log", "none")
    options += ("--no-sample-scores",)  # computed on the CPU, by scikit-learn

    def collect(output: str) -> dict[str, Any]:
        figures = {
            f"report-{name}": setting.run / "figures" / f"{name}.png"
            for name in ("reconstructions", "generated")
        }
        return {
            "budget": budget,
            "peak_memory": _json(memory),
            "metrics": _scores(setting.run / "metrics.json"),
            "lines": [line for line in output.splitlines() if line and "left:" not in line],
            "pictures": _keep(figures, setting),
        }

    return Part(name="fit", arguments=(*command, *options, *small), collect=collect, needs=setting.folder)


def _samples(setting: Setting) -> Part:
    sheet = setting.work / "samples"
    command = ("-m", "scanvq", "sample", str(setting.run), "--out", str(sheet), "--count", str(SAMPLES))
    return Part(
        name="samples",
        arguments=(*command, "--device", setting.device),
        collect=lambda output: {
            "count": SAMPLES,
            "pictures": _keep({"samples": sheet / "samples.png"}, setting),
        },
        needs=setting.run / "prior" / "best.safetensors",
    )


def _table(name: str, setting: Setting) -> Part:
    folder = setting.work / "tables"
    command = ("-m", "benchmarks", name, "--device", setting.device, "--out", str(folder))
    size = ("--short",) if setting.tiny else ("--turns", str(TURNS))
    file = folder / (f"{name}.json" if setting.device == "cpu" else f"{name}-{setting.device}.json")
    return Part(name=name, arguments=(*command, *size), collect=lambda output: {"record": _json(file)})


def _keep(pictures: Mapping[str, Path], setting: Setting) -> list[str]:
    """Copies the pictures that were made to where they are kept; their names."""
    kept = []
    for name, path in pictures.items():
        if path.is_file():
            setting.picture(name).parent.mkdir(parents=True, exist_ok=True)
            kept.append(shutil.copyfile(path, setting.picture(name)).name)
    return kept


def _json(path: Path) -> Any:
    """What a JSON file holds; None where the part came to its end before it."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _scores(path: Path) -> dict[str, Any] | None:
    """Scores and costs of a run, without what names scans."""
    metrics = _json(path)
    return None if metrics is None else {key: metrics[key] for key in SCORES if key in metrics}
