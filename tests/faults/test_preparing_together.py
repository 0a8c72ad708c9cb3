"""Preparing by one, two and four processes, and threads, at the same time: the same store."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

import pytest

from scanvq.cohort.catalog_reader import read_catalog
from scanvq.imaging.geometry import Geometry
from scanvq.store.store import Store, prepare_store
from tests.faults.commands import make_scans
from tests.faults.sizes import record, size

GEOMETRY = Geometry(height=16, width=16)


def _prepare(scans: Path, cache: Path, workers: int | None = None) -> Store:
    return prepare_store(read_catalog(scans), geometry=GEOMETRY, cache=cache, workers=workers)


def _prepare_in_a_process(scans: str, cache: str) -> None:
    os._exit(0 if len(_prepare(Path(scans), Path(cache))) else 1)


def test_any_number_of_threads_gives_the_same_store(tmp_path: Path) -> None:
    scans = make_scans(tmp_path / "scans", subjects=size(40, 500))
    digests = {_prepare(scans, tmp_path / f"cache{n}", workers=n).digest for n in (1, 2, 4)}
    assert len(digests) == 1
    record("threads that prepare", threads="1, 2, 4", equal="yes")


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs forkserver")
def test_any_number_of_processes_gives_the_same_store(tmp_path: Path) -> None:
    scans = make_scans(tmp_path / "scans", subjects=size(40, 500))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.imported"])
    stores: list[dict[str, bytes]] = []
    for count in (1, 2, 4):
        cache = tmp_path / f"cache{count}"
        processes = [
            context.Process(target=_prepare_in_a_process, args=(str(scans), str(cache))) for _ in range(count)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(300)
            assert process.exitcode == 0
        (folder,) = [path for path in (cache / "stores").iterdir() if path.is_dir()]
        stores.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert stores[0] == stores[1] == stores[2]
    record("processes that prepare", processes="1, 2, 4", slices=size(40, 500), equal="yes")
