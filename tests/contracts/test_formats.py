"""The contract of every format: written scans are read back, damaged files raise UnreadableScan."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from scanvq.imaging.formats import (
    FORMATS,
    READABLE,
    Provenance,
    Scan,
    UnreadableScan,
    check,
    format_of,
    stem_of,
)
from scanvq.imaging.geometry import Geometry
from scanvq.imaging.intensity import Intensity
from scanvq.imaging.preparation import Preparation
from scanvq.model.scans import prepare_scan, restore_scan

CASES = [(name, suffix) for name, one in FORMATS.items() for suffix in one.suffixes]
LOSSLESS = [(name, suffix) for name, suffix in CASES if FORMATS[name].lossless]
SINGLE_SLICE = [(name, suffix) for name, suffix in CASES if FORMATS[name].single_slice]


def pixels(dtype: str, shape: tuple[int, ...] = (1, 21, 34)) -> np.ndarray:
    """A smooth slope over most of the type's range, so that JPEG holds it too."""
    ramp = np.linspace(0, 1, int(np.prod(shape))).reshape(shape)
    if dtype == "float32":
        return (ramp * 7 - 3).astype(dtype)
    limits = np.iinfo(dtype)
    return (ramp * (limits.max - 1) + (0 if limits.min == 0 else -5)).astype(dtype)


@pytest.mark.parametrize(
    ("name", "suffix", "dtype"),
    [(name, suffix, dtype) for name, suffix in LOSSLESS for dtype in FORMATS[name].dtypes],
)
def test_write_and_read_are_equal(name: str, suffix: str, dtype: str, tmp_path: Path) -> None:
    path, scan = tmp_path / f"scan{suffix}", Scan(slices=pixels(dtype))
    FORMATS[name].write(path, scan)
    back = FORMATS[name].read(path)
    assert back.slices.dtype == scan.slices.dtype
    np.testing.assert_array_equal(back.slices, scan.slices)
    again = tmp_path / f"again{suffix}"
    FORMATS[name].write(again, back)
    assert again.read_bytes() == path.read_bytes()


MARK = Provenance(model="0123456789abcdef", seed=2**40)


def pillow_text(path: Path) -> str:
    with Image.open(path) as picture:
        return str(picture.info.get("Description") or picture.info["comment"].decode())


def numpy_text(path: Path) -> str:
    with np.load(path) as saved:
        return str(saved["synthetic"])


# By format, how other software reads the provenance; a new format needs a line here.
OTHER_SOFTWARE: dict[str, Callable[[Path], str]] = {
    "png": pillow_text,
    "jpeg": pillow_text,
    "nifti": lambda path: str(nib.load(path).header["descrip"].item().decode()),
    "dicom": lambda path: str(dcmread(path).DerivationDescription),
    "npy": lambda path: str(json.loads(path.with_suffix(".json").read_text())["description"]),
    "npz": numpy_text,
}


def provenance_by_other_software(name: str, path: Path) -> str:
    """What other software finds said in a file of the format."""
    if name not in OTHER_SOFTWARE:
        pytest.fail(
            f"add a line to OTHER_SOFTWARE of this file: how software other than scanvq reads the provenance "
            f'of a file of the format "{name}"'
        )
    return OTHER_SOFTWARE[name](path)


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_provenance_is_written_and_changes_no_pixel(name: str, suffix: str, tmp_path: Path) -> None:
    path, plain = tmp_path / f"scan{suffix}", tmp_path / f"plain{suffix}"
    scan = Scan(slices=pixels("uint8"))
    FORMATS[name].write(plain, scan)
    FORMATS[name].write(path, scan, MARK)
    assert (
        provenance_by_other_software(name, path)
        == "SYNTHETIC ScanVQ model=0123456789abcdef seed=1099511627776"
    )
    assert Provenance.read(provenance_by_other_software(name, path)) == MARK
    np.testing.assert_array_equal(FORMATS[name].read(path).slices, FORMATS[name].read(plain).slices)
    read = FORMATS[name].read(plain)  # a scan that came from a file is marked, too
    FORMATS[name].write(path, read, Provenance(model="ab"))
    assert provenance_by_other_software(name, path) == "SYNTHETIC ScanVQ model=ab seed=none"
    assert FORMATS[name].read(path).slices.dtype == read.slices.dtype


@pytest.mark.parametrize(
    ("name", "suffix", "dtype"),
    [(name, suffix, dtype) for name, suffix in LOSSLESS for dtype in FORMATS[name].dtypes],
)
def test_an_identity_tokenizer_gives_a_scan_back_as_it_came(
    name: str, suffix: str, dtype: str, tmp_path: Path
) -> None:
    count = 1 if FORMATS[name].single_slice else 5
    path, back = tmp_path / f"scan{suffix}", tmp_path / f"back{suffix}"
    FORMATS[name].write(path, Scan(slices=pixels(dtype, (count, 21, 34))))
    scan = FORMATS[name].read(path)
    preparation = Preparation(
        geometry=Geometry(height=24, width=40), intensity=Intensity(kind="file", low=0.0, high=1.0)
    )
    FORMATS[name].write(back, restore_scan(prepare_scan(scan, preparation), scan, preparation))
    after = FORMATS[name].read(back)
    assert after.slices.dtype == scan.slices.dtype
    assert after.spacing == scan.spacing
    if dtype in ("int32", "float32"):  # more values than the 65,536 levels of an image
        step = (float(scan.slices.max()) - float(scan.slices.min())) / 65535
        np.testing.assert_allclose(
            after.slices.astype(np.float64), scan.slices.astype(np.float64), rtol=0, atol=0.51 * step
        )
    else:
        np.testing.assert_array_equal(after.slices, scan.slices)


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_what_is_read_can_be_written_and_keeps_type_size_and_properties(
    name: str, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"scan{suffix}"
    FORMATS[name].write(path, Scan(slices=pixels("uint8")))
    first = FORMATS[name].read(path)
    FORMATS[name].write(path, replace(first, slices=first.slices[:, ::-1]))
    second = FORMATS[name].read(path)
    assert second.slices.dtype == first.slices.dtype == np.uint8
    assert second.properties == first.properties
    tolerance = 0 if FORMATS[name].lossless else 4
    np.testing.assert_allclose(second.slices.astype(int), first.slices[:, ::-1].astype(int), atol=tolerance)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "suffix", "dtype"),
    [(name, suffix, dtype) for name, suffix in CASES for dtype in FORMATS[name].dtypes],
)
def test_header_agrees_with_read(name: str, suffix: str, dtype: str, tmp_path: Path) -> None:
    path = tmp_path / f"scan{suffix}"
    FORMATS[name].write(path, Scan(slices=pixels(dtype)))
    header, scan = FORMATS[name].header(path), FORMATS[name].read(path)
    assert (header.slices, header.height, header.width) == scan.slices.shape == (1, 21, 34)
    assert header.dtype == scan.slices.dtype
    assert check(scan) is None


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_the_format_of_a_name(name: str, suffix: str) -> None:
    for path in (f"a{suffix}", f"x/case_1_slice_0.nii{suffix}", f"A{suffix.upper()}"):
        assert format_of(path) is FORMATS[name]
    assert stem_of(f"x/case_1.5{suffix}") == "case_1.5"


def test_other_names_are_refused_with_the_known_suffixes() -> None:
    with pytest.raises(UnreadableScan, match=r"slide\.unknown: not a known kind") as caught:
        format_of("slide.unknown")
    assert caught.value.path == Path("slide.unknown")
    assert all(suffix in caught.value.reason for _, suffix in CASES)


def test_every_suffix_belongs_to_one_format() -> None:
    assert len(set(READABLE)) == len(READABLE) == len(CASES)
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in READABLE)
    assert {".png", ".jpg", ".nii", ".nii.gz", ".dcm", ".npy", ".npz"} <= set(READABLE)


@pytest.mark.parametrize(("name", "suffix"), CASES)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"hello",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"\x1f\x8b\x08\0",
        bytes(4000),
        b"\xff" * 4000,
    ],
    ids=["empty", "zero", "text", "jpeg-start", "png-start", "gzip-start", "zeros", "ones"],
)
def test_garbage_is_unreadable(name: str, suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"scan{suffix}"
    path.write_bytes(content)
    for look in (FORMATS[name].header, FORMATS[name].read):
        assert_unreadable(look, path)


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_no_file_and_a_folder_are_unreadable(name: str, suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"folder{suffix}").mkdir()
    for path in (tmp_path / f"none{suffix}", tmp_path / f"folder{suffix}"):
        assert_unreadable(FORMATS[name].header, path)
        assert_unreadable(FORMATS[name].read, path)


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_a_file_cut_anywhere_is_unreadable_or_whole(name: str, suffix: str, tmp_path: Path) -> None:
    """The last bytes of some formats hold no pixels; cutting those may go unnoticed, no more."""
    one, path = FORMATS[name], tmp_path / f"scan{suffix}"
    one.write(path, Scan(slices=noise()))
    whole, expected = path.read_bytes(), one.read(path).slices
    for length in [*range(0, len(whole), max(1, len(whole) // 40)), len(whole) - 20, len(whole) - 1]:
        path.write_bytes(whole[:length])
        try:
            found = one.read(path).slices
        except UnreadableScan as error:
            assert_clear(error, path)
        else:
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_damaged_bytes_never_raise_anything_else(name: str, suffix: str, tmp_path: Path) -> None:
    one, path = FORMATS[name], tmp_path / f"scan{suffix}"
    one.write(path, Scan(slices=noise()))
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    refused = 0
    for trial in range(200):
        data = bytearray(whole)
        end = min(len(data), 400) if trial % 2 else len(data)  # every other time in the header
        for position in random.integers(0, end, size=1 + trial % 5):
            data[position] = int(random.integers(256))
        path.write_bytes(bytes(data))
        for look in (one.header, one.read):
            try:
                look(path)
            except UnreadableScan as error:
                assert_clear(error, path)
                refused += 1
    assert refused > 0


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    name: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"scan{suffix}"
    FORMATS[name].write(path, Scan(slices=pixels("uint8")))
    old = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        FORMATS[name].write(path, Scan(slices=noise()))
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == old


@pytest.mark.parametrize(("name", "suffix"), SINGLE_SLICE)
def test_several_slices_do_not_fit_a_format_of_one(name: str, suffix: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"one slice.*Write NIfTI"):
        FORMATS[name].write(tmp_path / f"scan{suffix}", Scan(slices=pixels("uint8", (3, 21, 34))))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "suffix"), [case for case in CASES if case not in SINGLE_SLICE])
def test_several_slices_come_back_in_order(name: str, suffix: str, tmp_path: Path) -> None:
    path, slices = tmp_path / f"scan{suffix}", pixels("uint8", (3, 21, 34))
    FORMATS[name].write(path, Scan(slices=slices))
    tolerance = 0 if FORMATS[name].lossless else 4
    np.testing.assert_allclose(FORMATS[name].read(path).slices.astype(int), slices, atol=tolerance)


@pytest.mark.parametrize(
    ("name", "scan", "message"),
    [
        ("png", Scan(slices=np.zeros((1, 4, 5), np.float32)), "holds integers"),
        ("jpeg", Scan(slices=np.zeros((1, 4, 5), np.uint16)), "8-bit"),
        ("dicom", Scan(slices=np.zeros((1, 4, 5), np.float32)), "this scan has float32"),
    ],
)
def test_what_a_format_cannot_hold_is_a_clear_error(
    name: str, scan: Scan, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        FORMATS[name].write(tmp_path / f"scan{FORMATS[name].suffixes[0]}", scan)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("slices", "reason"),
    [
        (np.zeros((0, 4, 5), np.uint8), "no pixels"),
        (np.full((1, 4, 5), 7, np.uint8), "constant: every pixel is 7"),
        (np.full((2, 4, 5), -1.5, np.float32), "constant: every pixel is -1.5"),
        (np.array([[[0, np.nan, np.inf]]], np.float32), "2 of 3 pixels are NaN or infinite"),
    ],
)
def test_check_gives_the_reason_why_a_scan_is_unusable(slices: np.ndarray, reason: str) -> None:
    assert reason in str(check(Scan(slices=slices)))


def noise() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (1, 40, 30), np.uint8)


def assert_unreadable(look: Callable[[Path], object], path: Path) -> None:
    with pytest.raises(UnreadableScan) as caught:
        look(path)
    assert_clear(caught.value, path)


def assert_clear(error: UnreadableScan, path: Path) -> None:
    assert error.path == path
    assert str(error) == f"{path}: {error.reason}"
    assert 3 < len(error.reason) < 250
    assert "\n" not in error.reason
