"""Files that would hang a reader, fill the memory or raise something strange: one sentence, and soon."""

from __future__ import annotations

import gzip
import os
import socket
import struct
import subprocess
import sys
import textwrap
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanvq.cohort.catalog_reader import read_catalog
from scanvq.imaging.formats import FORMATS, READABLE, Scan, UnreadableScan, format_of
from scanvq.imaging.formats.npy import npy_header_bytes
from scanvq.imaging.formats.reading import check_memory, free_memory, read_bytes

SMALL = (12, 28, 28)
GRAY = np.arange(28 * 28, dtype=np.uint8).reshape(28, 28) % 251


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(*, width: int = 28, height: int = 28, color: int = 0, rows: bytes | None = None) -> bytes:
    lines = b"".join(b"\0" + row.tobytes() for row in GRAY) if rows is None else rows
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _npy(shape: str) -> bytes:
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text = text.ljust(-(len(text) + 11) % 64 + len(text)) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(64)


def _nifti(shape: tuple[int, int, int], *, voxels: int) -> bytes:
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *shape, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)
    struct.pack_into("<f", header, 108, 352.0)
    header[344:348] = b"n+1\0"
    return gzip.compress(bytes(header) + bytes(voxels), 9)


def _npz(file: Path, *, claimed: tuple[int, ...], content: int) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", npy_header_bytes(claimed, np.dtype(np.uint8)) + bytes(content))


def _holding(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


HOSTILE: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "palette missing": (".png", _holding(_png(color=3)), "without palette"),
    "PNG without pixels": (".png", _holding(_png(width=9000, height=9000, rows=b"")), "truncated"),
    "an exponent": (".npy", _holding(_npy("(10**400, 1)")), "NumPy|damaged"),
    "a huge number": (".npy", _holding(_npy(f"({10**400}, 1)")), "NumPy|claims"),
    "a truth value": (".npy", _holding(_npy("(True, 4096)")), "damaged"),
    "none of many": (".npy", _holding(_npy(f"(0, {10**22})")), "claims"),
    "a negative number": (".npy", _holding(_npy("(-3, 4096)")), "damaged"),
    "nothing": (".npy", _holding(_npy("(0, 4096)")), "has the shape 0x4096"),
    "many axes": (".npy", _holding(_npy("(" + "1, " * 70 + ")")), "shape|NumPy"),
    "a volume in a few bytes": (".nii.gz", _holding(_nifti((1200, 1200, 1200), voxels=2**20)), "claims"),
    "an array of more bytes": (".npz", lambda p: _npz(p, claimed=SMALL, content=2**23), "bytes are there"),
    "an array of few bytes": (".npz", lambda p: _npz(p, claimed=(12, 2000, 2000), content=9), "truncated"),
}  # fmt: skip

FINE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "palette": (".png", lambda p: Image.fromarray(GRAY).convert("P").save(p)),
    "PNG": (".png", _holding(_png())),
    "PNG of one color": (".png", lambda p: Image.fromarray(np.zeros((3000, 3000), np.uint8)).save(p)),
    "npy": (".npy", lambda p: np.save(p, GRAY)),
    "a volume of zeros": (".nii.gz", _holding(_nifti((100, 100, 100), voxels=2 * 10**6))),
    "an array": (".npz", lambda p: _npz(p, claimed=(12, 28, 28), content=12 * 28 * 28)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_one_line(name: str, tmp_path: Path) -> None:
    suffix, write, reported = HOSTILE[name]
    path = tmp_path / f"scan{suffix}"
    write(path)
    with pytest.raises(UnreadableScan, match=reported) as caught:
        format_of(path).read(path)
    assert "\n" not in str(caught.value)
    with suppress(UnreadableScan):
        format_of(path).header(path)


@pytest.mark.parametrize("name", FINE)
def test_their_nearest_valid_neighbors_are_read(name: str, tmp_path: Path) -> None:
    suffix, write = FINE[name]
    path = tmp_path / f"scan{suffix}"
    write(path)
    header, scan = format_of(path).header(path), format_of(path).read(path)
    assert scan.slices.shape == (header.slices, header.height, header.width)


@pytest.mark.parametrize("name", ["a volume in a few bytes", "an array of more bytes", "PNG without pixels"])
def test_memory_is_bounded_before_it_is_taken(name: str, tmp_path: Path) -> None:
    """In a process that may take 300 MB more than it has after the import."""
    suffix, write, _ = HOSTILE[name]
    path = tmp_path / f"scan{suffix}"
    write(path)
    program = f"""
        import resource, sys
        from pathlib import Path
        from scanvq.imaging.formats import UnreadableScan, format_of
        path = Path({str(path)!r})
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            format_of(path).read(path)
        except UnreadableScan:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 60 * 1024


@pytest.mark.parametrize("error", [MemoryError, RecursionError, KeyError, ZeroDivisionError, AssertionError])
@pytest.mark.parametrize("name", FORMATS)
def test_whatever_a_reader_raises_is_an_unreadable_scan(
    name: str, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error("a\nproblem")

    path = tmp_path / f"scan{FORMATS[name].suffixes[0]}"
    path.write_bytes(b"any")
    for method, look in (("_header", FORMATS[name].header), ("_read", FORMATS[name].read)):
        monkeypatch.setattr(type(FORMATS[name]), method, fail)
        with pytest.raises(UnreadableScan) as caught:
            look(path)
        assert "\n" not in str(caught.value)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            made.bind(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


SPECIAL = {"a pipe": _pipe, "a socket": _socket, "a device": _device}


@pytest.mark.skipif(not hasattr(os, "mkfifo") or not Path("/dev/zero").exists(), reason="needs Unix")
@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("suffix", [*READABLE, "", ".txt"])
def test_pipes_sockets_and_devices_are_never_waited_for(kind: str, suffix: str, tmp_path: Path) -> None:
    Image.fromarray(GRAY).save(tmp_path / "p1.png")
    path = tmp_path / f"p2{suffix}"
    SPECIAL[kind](path)
    catalog = read_catalog(tmp_path)
    assert [entry.path.name for entry in catalog.entries] == ["p1.png"]
    assert any(
        note.startswith("1 files are left out because they are no regular files") for note in catalog.notes
    )
    if suffix in READABLE:
        for look in (format_of(path).header, format_of(path).read):
            with pytest.raises(UnreadableScan, match=f"not a regular file, but {kind}|cannot be opened"):
                look(path)


def test_a_link_to_a_file_is_read_and_one_to_nothing_is_reported(tmp_path: Path) -> None:
    Image.fromarray(GRAY).save(tmp_path / "p1.png")
    (tmp_path / "p2.png").symlink_to(tmp_path / "p1.png")
    (tmp_path / "p3.png").symlink_to(tmp_path / "nothing.png")
    assert len(read_catalog(tmp_path).entries) == 3
    assert read_bytes(tmp_path / "p2.png") == read_bytes(tmp_path / "p1.png")
    with pytest.raises(UnreadableScan, match="no such file"):
        read_bytes(tmp_path / "p3.png")


def test_files_beyond_the_free_memory_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    with path.open("wb") as file:
        file.truncate(2**43)  # sparse
    with pytest.raises(UnreadableScan, match=r"needs 8192\.0 GiB of memory"):
        FORMATS["png"].read(path)
    check_memory(path, min(2**26, free_memory()))


def test_volumes_are_written_and_read_as_before(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).normal(size=(4, 9, 11)).astype(np.float32)
    for name in ("a.nii", "b.nii.gz", "c.npy", "d.npz"):
        format_of(Path(name)).write(tmp_path / name, Scan(slices=pixels))
        np.testing.assert_array_equal(format_of(Path(name)).read(tmp_path / name).slices, pixels)
