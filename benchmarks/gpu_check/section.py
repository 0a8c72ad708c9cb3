"""The speed page's section on GPUs, from the JSON of the check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.gpu_check.parts import TABLES

FILE = "gpu_check.json"
NONE_YET = "No GPU has been available so far: these rows are empty. `make gpu-check` fills them."
ROWS = ("tests", "fit", "samples", *TABLES)

Record = Mapping[str, Any]


def read(folder: Path) -> dict[str, Any] | None:
    """The check's record; None where it was not run.

    Raises:
        ValueError: the numbers of a CPU, or of a dry run.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if record["device"] != "cuda" or record["tiny"]:
        raise ValueError(
            f"{path} is of {record['device']}, tiny {record['tiny']}: no numbers of a GPU; remove it"
        )
    return record


def tables(record: Record | None) -> dict[str, dict[str, Any]]:
    """Table -> its record, of the tables that the check has measured, in part or whole."""
    found = {}
    for name in TABLES:
        part = record["parts"].get(name, {}) if record is not None else {}
        if part.get("record") is not None:
            found[name] = part["record"]
    return found


def section(record: Record | None, *, pictures: str) -> list[str]:
    """Lines of Markdown.

    Args:
        record: the check's; None where it was not run.
        pictures: the folder of the check's pictures, as the page refers to it.
    """
    lines = ["## GPU", ""]
    if record is None:
        lines += [NONE_YET, ""]
    else:
        lines += [_machine(record), ""]
    lines += ["| part of the check | end | seconds | result |", "|---|---|---:|---|"]
    for name in ROWS:
        part = record["parts"].get(name) if record is not None else None
        cells = (
            [name, "", "", ""]
            if part is None
            else [name, part["status"], f"{part['seconds']:.0f}", _result(name, part)]
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines + _pictures(record, pictures)


def _pictures(record: Record | None, folder: str) -> list[str]:
    """Those of the demo cohort: scans of one's own are not for a page."""
    if record is None or record["scans"] != "demo cohort":
        return []
    parts = [record["parts"].get(name, {}) for name in ("fit", "samples")]
    names = [picture for part in parts for picture in part.get("pictures", ())]
    return [line for name in names for line in ("", f"![{name}]({folder}/{name})")]


def _machine(record: Record) -> str:
    machine = record["machine"]
    return (
        f"{machine['gpu']}, {record['device_memory_mb'] / 1024:.0f} GiB, CUDA {record['cuda']}, "
        f"PyTorch {machine['torch']}, Python {machine['python']}; {record['scans']}; "
        f"{record['seconds']:.0f} seconds in all. "
        "The GPU's rows of the tables are medians of a few turns."
    )


def _result(name: str, part: Record) -> str:
    if part["status"] == "not begun":
        return ""
    if name == "tests":
        return f"{part['passed']} passed, {part['failed']} failed, {part['skipped']} skipped"
    if name == "fit":
        return _fit(part)
    if name == "samples":
        return f"{part['count']} images" if part["pictures"] else ""
    rows = len(part["record"]["rows"]) if part["record"] is not None else 0
    return f"{rows} rows, [below](#{name})"


def _fit(part: Record) -> str:
    found = [f"budget {part['budget']}"]
    metrics, memory = part["metrics"], part["peak_memory"]
    if metrics is not None:
        found.append(f"SSIM {metrics['tokenizer']['test']['ssim']['mean']:.3f}")
        prior = metrics["prior"]["test"]
        if prior is not None:
            found.append(f"{prior['bits_per_code']:.2f} bits per code")
        for stage in ("tokenizer", "prior"):
            if stage in metrics["cost"]:
                found.append(f"{stage} {metrics['cost'][stage]['images_per_second']:,.0f} images/s")
    if memory is not None:
        found.append(
            f"peak memory {memory['cuda_allocated_mb']:,.0f} MB of the GPU, "
            f"{memory['process_mb']:,.0f} MB of the process"
        )
    return "; ".join(found)
