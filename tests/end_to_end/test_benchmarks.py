"""Every table of benchmarks/ runs and keeps what the page needs. No test asserts a time."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("monai")
pytest.importorskip("vector_quantize_pytorch")

from benchmarks import page
from benchmarks.__main__ import TABLES

ROOT = Path(__file__).parent.parent.parent


def run(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(filter(None, [str(ROOT / "src"), environment.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**environment, "PYTHONPATH": paths},
        cwd=ROOT,
        timeout=900,
    )


@pytest.mark.parametrize("table", TABLES)
def test_table_runs_and_is_kept(table, environment, tmp_path):
    before = sorted(page.RESULTS.glob("*"))
    done = run(environment, table, "--short", "--out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(page.RESULTS.glob("*")) == before
    record = json.loads((tmp_path / f"{table}.json").read_text(encoding="utf-8"))
    assert (record["table"], record["short"], record["device"]) == (table, True, "cpu")
    machine = record["machine"]
    assert machine["threads"] >= 1
    assert len(machine["load_average_before"]) == 3
    assert record["rows"]
    for row in record["rows"]:
        assert set(row["median_seconds"]) == set(row["seconds"])
        assert {*row["numbers"], *row["wanted"], *row["times"]} <= set(row["seconds"])
        assert all(second > 0 for raw in row["seconds"].values() for second in raw)
        if row["ours"] is not None and row["seconds"][row["ours"]]:
            assert row["ratios"][row["ours"]] == 1
            others = [name for name, raw in row["seconds"].items() if raw and name != row["ours"]]
            assert others
            assert all(math.isfinite(row["ratios"][name]) for name in others)
    found = page.read(tmp_path)
    assert list(found) == [(table, "cpu")]
    assert record["rows"][0]["case"] in page.page(found)


def test_unknown_table_is_named(environment):
    done = run(environment, "quantiser", "--short")
    assert done.returncode == 2
    assert "no table 'quantiser'" in done.stderr
    assert "quantizer" in done.stderr


def test_the_page_matches_the_results():
    written = page.PAGE.read_text(encoding="utf-8")
    found = page.page(page.read(page.RESULTS), page.gpu.read(page.RESULTS))
    assert written == found, "run `python -m benchmarks.page`"
