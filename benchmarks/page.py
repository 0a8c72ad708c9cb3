"""Writes docs/explanation/speed.md and its plot from benchmarks/results: `python -m benchmarks.page`."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.__main__ import TABLES
from benchmarks.gpu_check import section as gpu
from benchmarks.record import RESULTS, file_of, format_number, format_ratio, format_seconds

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "explanation" / "speed.md"
PLOT = ROOT / "docs" / "pictures" / "speed.png"
DEVICES = ("cpu", "cuda")

INTRODUCTION = """# Speed

`make bench` measures everything on this page on your machine, `make bench TABLE=quantizer` one table of it.
Within a row all candidates are measured in turns, in one process or in one each, so other work on the
machine affects all of them; a time is the median over the turns. A **ratio** is a time divided by ScanVQ's
time (the first line): 4x means four times as long. **Wanted** is the goal that was set before measuring. A
floor is the time of the arithmetic alone on the same machine. Machines differ: compare ratios, not times.
All raw times are in `benchmarks/results/`, from which this page is generated; what was not measured is
empty.
"""


def main() -> None:
    records, check = read(RESULTS), gpu.read(RESULTS)
    ratios = bars(records)
    if ratios:
        plot(ratios)
    PAGE.write_text(page(records, check), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")


def read(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """(table, device) -> its record, where measured; of a GPU also from the GPU check."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    brief = gpu.tables(gpu.read(folder))
    for table in TABLES:
        for device in DEVICES:
            path = folder / file_of(table, device)
            if path.is_file():
                found[table, device] = json.loads(path.read_text(encoding="utf-8"))
            elif device == "cuda" and table in brief:
                found[table, device] = brief[table]
    return found


def page(records: Mapping[tuple[str, str], dict[str, Any]], check: gpu.Record | None = None) -> str:
    """The text of the page.

    Args:
        records: of `read`.
        check: the record of the check on a GPU; None where it was not run.
    """
    lines = [INTRODUCTION]
    if bars(records):
        lines += [f"![Times relative to ScanVQ](../pictures/{PLOT.name})", ""]
    lines += ["| table | CPU | GPU |", "|---|---|---|"]
    for table in TABLES:
        machines = (_machine(records.get((table, device))) for device in DEVICES)
        lines.append(f"| [{table}](#{table}) | {' | '.join(machines)} |")
    lines += ["", *gpu.section(check, pictures="../../benchmarks/results")]
    for table in TABLES:
        lines += ["", f"## {table}", "", _docstring(table)]
        for device in DEVICES:
            if (table, device) in records:
                lines += ["", *_table(records[table, device])]
    return "\n".join(lines) + "\n"


def bars(records: Mapping[tuple[str, str], dict[str, Any]]) -> list[tuple[str, str, float]]:
    """(work, candidate, ratio) of every comparison on the CPU, without ScanVQ's own and the floors."""
    return [
        (f"{table}: {row['case']}", name, ratio)
        for (table, device), record in records.items()
        for row in record["rows"]
        for name, ratio in row["ratios"].items()
        if device == "cpu" and ratio is not None and not name.startswith(("scanvq", "floor"))
    ]


def plot(ratios: Sequence[tuple[str, str, float]]) -> None:
    """Plots one bar for each candidate of each row, on a logarithmic scale."""
    from matplotlib.figure import Figure

    works = list(dict.fromkeys(work for work, _, _ in ratios))
    names = list(dict.fromkeys(name for _, name, _ in ratios))
    figure = Figure(figsize=(10, 1.2 + 0.22 * len(ratios) + 0.2 * len(works)), layout="constrained")
    axes = figure.subplots()
    place, ticks = 0.0, {}
    for work in works:
        own = [(name, ratio) for one, name, ratio in ratios if one == work]
        ticks[work] = place - (len(own) - 1) / 2
        for name, ratio in own:
            axes.barh(place, ratio, color=f"C{names.index(name) % 10}")
            axes.text(ratio, place, f" {format_ratio(ratio)}", va="center", fontsize=7)
            place -= 1
        place -= 0.8
    for name in names:
        axes.barh(0, 0, color=f"C{names.index(name) % 10}", label=name)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.margins(x=0.1)
    axes.set_xlabel("time relative to ScanVQ (logarithmic); right of the line ScanVQ is faster")
    axes.set_yticks(list(ticks.values()), list(ticks), fontsize=7)
    axes.legend(fontsize=7, loc="upper right")
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, dpi=110)


def _machine(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return ""
    one = record["machine"]
    units = f", {' '.join(one['bf16_units'])}" if one["bf16_units"] else ""
    load = one["load_average_before"][0]
    return (
        f"{one['gpu'] or one['processor']}, {one['logical_cores']} cores, {one['threads']} threads{units}; "
        f"PyTorch {one['torch']}; load {load:.1f} before"
    )


def _table(record: Mapping[str, Any]) -> list[str]:
    rows = record["rows"]
    numbers = list(dict.fromkeys(name for row in rows for one in row["numbers"].values() for name in one))
    head = ["work", "candidate", "median", "ratio", "wanted", *numbers]
    lines = [f"| {' | '.join(head)} |", "|---|---|" + "---:|" * (len(head) - 2)]
    for row in rows:
        for place, name in enumerate(row["median_seconds"]):
            own = row["numbers"].get(name, {})
            cells = [
                row["case"] if place == 0 else "",
                name,
                format_seconds(row["median_seconds"][name]),
                format_ratio(row["ratios"].get(name)),
                format_ratio(row["wanted"].get(name)),
                *(format_number(own.get(one)) for one in numbers),
            ]
            lines.append(f"| {' | '.join(cells)} |")
        for name, value in row["facts"].items():
            lines.append(f"| | {name} | {format_number(value)} |{' |' * (len(head) - 3)}")
        if row["notes"]:
            lines.append(f"| | {row['notes']} |{' |' * (len(head) - 2)}")
    return lines


def _docstring(table: str) -> str:
    """The module docstring of a table, read without importing the libraries that it compares."""
    tree = ast.parse((Path(__file__).parent / f"{table}.py").read_text(encoding="utf-8"))
    return ast.get_docstring(tree) or ""


if __name__ == "__main__":
    main()
