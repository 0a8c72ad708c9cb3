"""Uploads: every kind of scan is taken, and everything else is refused in one sentence."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from scanvq.app.limits import Limits, Refused
from scanvq.app.served_model import ServedModel
from scanvq.app.uploads import Upload, require, take_upload
from scanvq.imaging.formats import FORMATS, Scan

PIXELS = np.arange(40 * 30, dtype=np.uint16).reshape(40, 30)


def nifti(path: Path, shape: tuple[int, ...] = (30, 40, 3)) -> None:
    volume = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    nib.save(nib.Nifti1Image(volume, np.eye(4)), path)


def dicom(path: Path) -> None:
    FORMATS["dicom"].write(path, Scan(slices=PIXELS[None], spacing=(1.0, 1.0)))


def png(path: Path) -> None:
    Image.fromarray(PIXELS.astype(np.uint8)).save(path)


def taken(served: ServedModel, path: Path, limits: Limits) -> Upload:
    return take_upload(served.model, str(path), folder=path.parent, limits=limits)


@pytest.mark.parametrize(
    ("name", "write", "count"),
    [("a.png", png, 1), ("b.nii.gz", nifti, 3), ("c.dcm", dicom, 1), ("d.jpg", png, 1)],
)
def test_scans_are_taken_and_their_files_deleted(
    served: ServedModel, limits: Limits, tmp_path: Path, name: str, write: Callable[[Path], None], count: int
) -> None:
    write(tmp_path / name)
    found = taken(served, tmp_path / name, limits)
    assert (found.name, found.count) == (name, count)
    assert list(tmp_path.iterdir()) == []
    picture = found.picture(found.scan.slices[-1])
    assert (picture.dtype, picture.shape) == (np.uint8, found.scan.slices.shape[1:])
    assert found.place(count) == count - 1
    with pytest.raises(Refused, match=f"has slices 1 to {count}"):
        found.place(count + 1)


def huge_png(path: Path) -> None:
    """A header of 60,000 by 60,000 pixels, as a decompression bomb has."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(100_000), 9)
    chunks = b""
    for kind, content in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")):
        chunks += struct.pack(">I", len(content)) + kind + content
        chunks += struct.pack(">I", zlib.crc32(kind + content))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def bomb(path: Path) -> None:
    """A volume of zeros that is small when it is compressed."""
    header = nib.Nifti1Header()
    header.set_data_shape((1000, 1000, 400))
    header.set_data_dtype(np.uint8)
    header["magic"], header["vox_offset"] = b"n+1", 352
    with gzip.open(path, "wb") as file:
        file.write(header.binaryblock + bytes(4))
        for _ in range(60):
            file.write(bytes(2**20))


def cut(path: Path) -> None:
    nifti(path)
    path.write_bytes(path.read_bytes()[:120])


def no_image(path: Path) -> None:
    path.write_text("<script>alert(1)</script>")


def archive(path: Path) -> None:
    np.savez(path, images=PIXELS[None])


def large(path: Path) -> None:
    path.write_bytes(bytes(200_001))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


@pytest.mark.parametrize(
    ("name", "write", "reason"),
    [
        ("text.png", no_image, "PNG"),
        ("text.nii", no_image, "not a NIfTI file"),
        ("text.dcm", no_image, "not a DICOM file"),
        ("text", no_image, "known"),
        ("huge.png", huge_png, "claims 60000x60000 pixels"),
        ("bomb.nii.gz", bomb, "at most"),
        ("cut.nii.gz", cut, "truncated"),
        ("images.npz", archive, "not a NIfTI, DICOM, PNG or JPEG file"),
        ("large.png", large, "MiB are allowed"),
        ("empty.png", empty, "empty"),
        ("link.png", link, "not a regular file"),
    ],
)
def test_hostile_files_are_refused_in_one_sentence_and_deleted(
    served: ServedModel, limits: Limits, tmp_path: Path, name: str, write: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / name
    write(path)
    with pytest.raises(Refused, match=reason) as refused:
        taken(served, path, limits)
    text = str(refused.value)
    assert text.startswith(f"{name}: ")
    assert len(text) < 250
    assert str(tmp_path) not in text
    assert "\n" not in text
    assert list(tmp_path.iterdir()) == []


def test_no_other_file_is_read_or_deleted(served: ServedModel, limits: Limits, tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    png(tmp_path / "own.png")
    for path in (tmp_path / "own.png", uploads / ".." / "own.png"):
        with pytest.raises(Refused, match=r"own\.png: not an uploaded file"):
            take_upload(served.model, str(path), folder=uploads, limits=limits)
    assert (tmp_path / "own.png").is_file()
    png(uploads / "own.png")
    assert take_upload(served.model, str(uploads / "own.png"), folder=uploads, limits=limits)


def test_sides_and_missing_uploads(served: ServedModel, limits: Limits, tmp_path: Path) -> None:
    png(tmp_path / "a.png")
    with pytest.raises(Refused, match="its slices are 40x30; at most 39 pixels a side"):
        taken(served, tmp_path / "a.png", replace(limits, upload_side=39))
    for missing in (
        lambda: take_upload(served.model, None, folder=tmp_path, limits=limits),
        lambda: require(None),
    ):
        with pytest.raises(Refused, match="no scan is given; upload"):
            missing()
