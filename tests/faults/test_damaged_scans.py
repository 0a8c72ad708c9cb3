"""Damaged files of every format are read or refused in one line, soon, and within a bound on memory."""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanvq.imaging.formats import UnreadableScan, format_of
from scanvq.imaging.formats.dicom_conditions import dicom_conditions
from scanvq.imaging.formats.format import check
from tests.faults.mutations import damaged, originals
from tests.faults.sizes import SHARE, record, size

SECONDS = 10.0  # of this process; a file has at most some kilobytes
MEGABYTES = 300

_COUNTS = {"files": 0, "read": 0, "refused": 0}
_MOST = {"seconds": 0.0, "megabytes": 0.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


_VALID: dict[str, bytes] = {}


@pytest.fixture(scope="module", autouse=True)
def _valid(folder: Path) -> None:
    _VALID.update(originals(folder))


def test_the_undamaged_files_are_read(folder: Path) -> None:
    for suffix, content in _VALID.items():
        path = folder / f"valid{suffix}"
        path.write_bytes(content)
        assert format_of(path).read(path).slices.size


@pytest.mark.slow
def test_damaged_files_are_read_or_refused(folder: Path) -> None:
    @settings(
        max_examples=size(250, 10_000),
        deadline=None,
        database=None,
        derandomize=not SHARE,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def try_files(data: st.DataObject) -> None:
        suffix, content = data.draw(damaged(_VALID))
        path = folder / f"scan{suffix}"
        path.write_bytes(content)
        _reset_peak()
        before, began = _memory("VmRSS"), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _read(path)
        seconds, megabytes = time.process_time() - began, _memory("VmHWM") - before
        _MOST["seconds"] = max(_MOST["seconds"], seconds)
        _MOST["megabytes"] = max(_MOST["megabytes"], megabytes)
        assert seconds < SECONDS, f"{suffix} took {seconds:.1f} s"
        assert megabytes < MEGABYTES, f"{suffix} took {megabytes:.0f} MB"

    try:
        try_files()
    finally:
        record("damaged files", **_COUNTS, **{name: round(value, 2) for name, value in _MOST.items()})


def _read(path: Path) -> None:
    """All that commands read of a file: header, pixels, provenance and conditions."""
    _COUNTS["files"] += 1
    reader = format_of(path)
    found, refusals = {}, list[str]()
    for name, look in (("header", reader.header), ("scan", reader.read)):
        try:
            found[name] = look(path)
        except UnreadableScan as error:
            refusals.append(str(error))
    reader.provenance(path)
    if path.suffix == ".dcm":
        try:
            dicom_conditions(path)
        except UnreadableScan as error:
            refusals.append(str(error))
    assert all("\n" not in text and len(text) < 1000 for text in refusals)
    _COUNTS["read" if "scan" in found else "refused"] += 1
    if len(found) == 2:
        header, scan = found["header"], found["scan"]
        assert scan.slices.shape == (header.slices, header.height, header.width)
        assert scan.slices.dtype == header.dtype
        check(scan)


def _reset_peak() -> None:
    if sys.platform.startswith("linux"):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _memory(name: str) -> float:
    """Megabytes of this process: VmRSS, or the most since the last reset, VmHWM; 0 on other systems."""
    if not sys.platform.startswith("linux"):
        return 0.0
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024
