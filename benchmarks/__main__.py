"""Runs tables: `python -m benchmarks [TABLE ...]`, all of them without a name."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

import torch

from benchmarks.measuring import machine
from benchmarks.record import RESULTS, Row, Setup, show, write

TABLES = (
    "training_step",
    "quantizer",
    "sampling",
    "growth",
    "jobs",
    "dead_top_level",
    "codebook_use",
    "planted_copies",
    "memorization",
    "anomalies",
    "compression",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}; default all")
    parser.add_argument(
        "--short", action="store_true", help="tiny sizes, to see that it works; keeps nothing"
    )
    parser.add_argument("--turns", type=int, metavar="N", help="at most N turns of each; quicker, less exact")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where networks run")
    parser.add_argument("--scans", type=Path, help="a folder or a run, in place of synthetic brains")
    parser.add_argument(
        "--out", type=Path, help=f"where results are kept; default {RESULTS.parent.name}/results"
    )
    given = parser.parse_args()
    for name in given.tables:
        if name not in TABLES:
            parser.error(f"there is no table {name!r}; there are {', '.join(TABLES)}")
    setup = Setup(short=given.short, device=torch.device(given.device), scans=given.scans, turns=given.turns)
    out = given.out or (None if given.short else RESULTS)
    for name in given.tables or TABLES:
        table = importlib.import_module(f"benchmarks.{name}")
        before = machine(setup.device)
        rows: list[Row] = []
        for row in table.rows(setup):  # kept one by one: what is measured is not lost by Ctrl-C
            rows.append(row)
            if out is not None:
                write(out, name, before, setup, rows)
        show(name, rows)
        if out is not None:
            print(f"kept in {out}", flush=True)


if __name__ == "__main__":
    main()
