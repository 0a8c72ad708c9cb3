"""Construction of a store: resumed after any interruption."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.imaging.formats import Scan, format_of
from scanvq.imaging.geometry import Geometry
from scanvq.store.store import BadScans, Store, open_store, prepare_store

GEOMETRY = Geometry(height=16, width=24)


def _pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 250, (count, 16, 24)).astype(np.uint8)


def _catalog(root: Path, count: int) -> Catalog:
    """As many files as pictures, and a volume of five slices at the end."""
    root.mkdir()
    scans = {f"{i:03}.png": pixels[None] for i, pixels in enumerate(_pictures(count))}
    scans["volume.nii.gz"] = _pictures(5)
    for name, slices in scans.items():
        format_of(root / name).write(root / name, Scan(slices=slices))
    entries = tuple(
        Entry(path=Path(name), subject=name, group=name, split="train", label=None) for name in scans
    )
    return Catalog(root=root, layout="flat", entries=entries, labels=(), notes=())


def _prepare(catalog: Catalog, tmp_path: Path, **options: object) -> Store:
    return prepare_store(catalog, geometry=GEOMETRY, cache=tmp_path / "cache", **options)


def _assert_whole(store: Store, catalog: Catalog, tmp_path: Path) -> None:
    """It is what an undisturbed build gives."""
    whole = prepare_store(catalog, geometry=GEOMETRY, cache=tmp_path / "undisturbed")
    np.testing.assert_array_equal(store.raw, whole.raw)
    for name in ("slope", "intercept", "file_low", "file_high", "entry", "slice_index"):
        np.testing.assert_array_equal(getattr(store, name), getattr(whole, name))
    left = sorted(path.name for path in store.folder.parent.iterdir())
    assert left == [store.folder.name]
    assert sorted(path.name for path in store.folder.iterdir()) == [
        "index.npz",
        "raw.bin",
        "source.json",
        "store.json",
    ]


def _stopped(catalog: Catalog, tmp_path: Path, after: int, by: type[BaseException] = RuntimeError) -> Path:
    """Stops a build after some files; gives the folder of what is left."""

    def stop(done: int, total: int) -> None:
        if done == after:
            raise by

    with pytest.raises(by):
        _prepare(catalog, tmp_path, progress=stop)
    (unfinished,) = (tmp_path / "cache" / "stores").iterdir()
    return unfinished


@pytest.mark.parametrize("by", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("after", [0, 1, 12, 21])
def test_an_interrupted_build_resumes(tmp_path: Path, by: type[BaseException], after: int) -> None:
    catalog = _catalog(tmp_path / "data", 20)
    unfinished = _stopped(catalog, tmp_path, after, by)
    with pytest.raises(ValueError, match="not a complete store"):
        open_store(unfinished, catalog)
    calls: list[int] = []
    store = _prepare(catalog, tmp_path, progress=lambda done, total: calls.append(done))
    assert calls[0] == after
    _assert_whole(store, catalog, tmp_path)


TAILS = {
    "cut off": b'{"file": 5, "sli',
    "written twice": b'{"file": 4, "problem": "again"}\n',
    "zeros": b"\0\0\n",
    "a number": b"7\n",
    "a skipped file": b'{"file": 7, "problem": "later"}\n',
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
def test_a_damaged_end_is_prepared_again(tmp_path: Path, tail: bytes) -> None:
    catalog = _catalog(tmp_path / "data", 9)
    unfinished = _stopped(catalog, tmp_path, 5)
    with (unfinished / "journal.jsonl").open("ab") as journal:
        journal.write(tail)
    with (unfinished / "raw.bin").open("ab") as raw:
        raw.write(b"half a slice")
    calls: list[int] = []
    store = _prepare(catalog, tmp_path, progress=lambda done, total: calls.append(done))
    assert calls[0] == 5
    _assert_whole(store, catalog, tmp_path)


def test_slices_missing_at_the_end_are_prepared_again(tmp_path: Path) -> None:
    """After a power failure the journal may be longer than the slices."""
    catalog = _catalog(tmp_path / "data", 9)
    unfinished = _stopped(catalog, tmp_path, 5)
    os.truncate(unfinished / "raw.bin", 2 * 16 * 24 + 1)
    calls: list[int] = []
    store = _prepare(catalog, tmp_path, progress=lambda done, total: calls.append(done))
    assert calls[0] == 2
    _assert_whole(store, catalog, tmp_path)


def test_bad_files_survive_an_interruption(tmp_path: Path) -> None:
    catalog = _catalog(tmp_path / "data", 9)
    (tmp_path / "data" / "003.png").write_bytes(b"")
    _stopped(catalog, tmp_path, 5)
    with pytest.raises(BadScans, match=r"1 of 10 files.*\n  003.png: empty"):
        _prepare(catalog, tmp_path)


def test_an_incomplete_stale_store_is_removed(tmp_path: Path) -> None:
    catalog = _catalog(tmp_path / "data", 9)
    _stopped(catalog, tmp_path, 5)
    os.utime(tmp_path / "data" / "000.png", (1, 1))
    store = _prepare(catalog, tmp_path)
    assert store.replaced
    _assert_whole(store, catalog, tmp_path)


def test_a_full_disk_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = _catalog(tmp_path / "data", 9)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="set SCANVQ_CACHE"):
            _prepare(catalog, tmp_path)
    _assert_whole(_prepare(catalog, tmp_path), catalog, tmp_path)


PROGRAM = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from scanvq.store import journal
    from scanvq.cohort.catalog import Catalog, Entry
    from scanvq.imaging.geometry import Geometry
    from scanvq.store.store import prepare_store

    assert "torch" not in sys.modules
    journal.CHECKPOINT_SECONDS = 0.0
    root, cache = Path(sys.argv[1]), Path(sys.argv[2])
    names = sorted(path.name for path in root.iterdir())
    entries = tuple(Entry(path=Path(n), subject=n, group=n, split="train", label=None) for n in names)
    catalog = Catalog(root=root, layout="flat", entries=entries, labels=(), notes=())

    def slow(done, total):
        print(done, flush=True)
        time.sleep(0.01)

    prepare_store(catalog, geometry=Geometry(height=16, width=24), cache=cache, progress=slow)
    """
)


def _start(tmp_path: Path) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", PROGRAM, str(tmp_path / "data"), str(tmp_path / "cache")]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def _wait_for(process: subprocess.Popen[str], files: int) -> None:
    assert process.stdout is not None
    while int(process.stdout.readline()) < files:
        pass


def test_a_killed_build_resumes(tmp_path: Path) -> None:
    catalog = _catalog(tmp_path / "data", 40)
    with _start(tmp_path) as process:
        _wait_for(process, 10)
        process.send_signal(signal.SIGKILL)
    calls: list[int] = []
    store = _prepare(catalog, tmp_path, progress=lambda done, total: calls.append(done))
    assert calls[0] >= 9
    _assert_whole(store, catalog, tmp_path)


@pytest.mark.slow
def test_two_processes_share_one_build(tmp_path: Path) -> None:
    catalog = _catalog(tmp_path / "data", 40)
    calls: list[int] = []
    with _start(tmp_path) as process:
        _wait_for(process, 5)
        store = _prepare(catalog, tmp_path, progress=lambda done, total: calls.append(done))
    assert process.returncode == 0
    assert not calls
    _assert_whole(store, catalog, tmp_path)
