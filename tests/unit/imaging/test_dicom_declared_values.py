"""DICOM: the range of the stored bits, and numbers that the header declares as no data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from scanvq.imaging.formats import FORMATS, Provenance, Scan
from scanvq.model.scans import slices_of

DICOM = FORMATS["dicom"]
MARK = Provenance(model="0123456789abcdef")


def _file(path: Path, pixels: np.ndarray, **elements: Any) -> Path:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, generate_uid(entropy_srcs=[str(path)])
    data.PatientID, data.SamplesPerPixel, data.PhotometricInterpretation = "P1", 1, "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape[-2:]
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    for name, value in elements.items():
        if name == "PixelPaddingValue" and value > 2**15:
            data.add_new(name, "US", value)  # although the pixels are signed
        else:
            setattr(data, name, value)
    data.HighBit = data.BitsStored - 1
    if pixels.dtype.kind == "f":
        data.FloatPixelData = pixels.tobytes()
    else:
        data.PixelData = pixels.tobytes()
    data.save_as(path, enforce_file_format=True)
    return path


def _stored(path: Path) -> np.ndarray:
    data = dcmread(path)
    return np.frombuffer(data.PixelData, "i2" if data.PixelRepresentation else "u2").reshape(data.Rows, -1)


@pytest.mark.parametrize("bits", [10, 12, 15, 16])
@pytest.mark.parametrize("dtype", ["uint16", "int16"])
@pytest.mark.parametrize(
    "elements",
    [{}, {"PhotometricInterpretation": "MONOCHROME1"}, {"RescaleSlope": 2, "RescaleIntercept": -1000}],
)
def test_written_numbers_stay_in_the_stored_bits(
    dtype: str, bits: int, elements: dict[str, Any], tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 2 ** (bits - 1), (6, 7)).astype(dtype)
    scan = DICOM.read(_file(tmp_path / "a.dcm", pixels, BitsStored=bits, **elements))
    for value in (-100_000, 100_000):
        beyond = np.full_like(scan.slices, np.clip(value, *_limits(scan.slices.dtype)))
        beyond[0, 0] = scan.slices[0, 0]
        DICOM.write(tmp_path / "b.dcm", replace(scan, slices=beyond), MARK)
        written = _stored(tmp_path / "b.dcm")
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if dtype == "int16" else (0, 2**bits - 1)
        assert low <= written.min() <= written.max() <= high
        np.testing.assert_array_equal(dcmread(tmp_path / "b.dcm").pixel_array, written)  # nothing wraps
        np.testing.assert_array_equal(written[0], pixels[0])


def _limits(dtype: np.dtype[Any]) -> tuple[float, float]:
    return (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "iu" else (-1e9, 1e9)


def test_an_unchanged_scan_is_written_as_it_was(tmp_path: Path) -> None:
    pixels = np.arange(42, dtype=np.uint16).reshape(6, 7) * 97
    scan = DICOM.read(_file(tmp_path / "a.dcm", pixels, BitsStored=12))
    DICOM.write(tmp_path / "b.dcm", scan)
    np.testing.assert_array_equal(_stored(tmp_path / "b.dcm"), pixels)


TISSUE = np.random.default_rng(0).integers(50, 900, (6, 7)).astype(np.int16)
PADDED = [
    (-2000, {"PixelPaddingValue": -2000}),
    (-2000, {"PixelPaddingValue": 63536}),  # as an unsigned number
    (3000, {"PixelPaddingValue": 3000}),
    (-1500, {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1000}),
    (-1500, {"PixelPaddingValue": -1000, "PixelPaddingRangeLimit": -2000}),
    (-2000, {"PixelPaddingValue": -2000, "RescaleSlope": 1, "RescaleIntercept": -1024}),
    (-2000, {"PixelPaddingValue": -2000, "RescaleSlope": 0.37, "RescaleIntercept": 5}),
    (-2000, {"PixelPaddingValue": -2000, "PhotometricInterpretation": "MONOCHROME1"}),
]


@pytest.mark.parametrize(("number", "elements"), PADDED)
def test_padding_sets_no_range_and_comes_back(number: int, elements: dict[str, Any], tmp_path: Path) -> None:
    pixels = TISSUE.copy()
    pixels[:2] = number
    others = {name: value for name, value in elements.items() if "Padding" not in name}
    tissue = DICOM.read(_file(tmp_path / "tissue.dcm", TISSUE, **others)).slices[0, 2:]
    path = _file(tmp_path / "a.dcm", pixels, **elements)
    scan = DICOM.read(path)
    np.testing.assert_array_equal(scan.slices[0, 2:], tissue)
    assert (scan.slices[0, :2] == tissue.min()).all()
    (one,) = slices_of(scan)
    assert (one.file_low, one.file_high) == (tissue.min(), tissue.max())
    assert any("declared as no data" in remark for remark in DICOM.header(path).remarks)
    changed = scan.slices[:, ::-1].copy()
    for slices in (scan.slices, changed):
        DICOM.write(tmp_path / "b.dcm", Scan(slices=slices, properties=scan.properties), MARK)
        assert (_stored(tmp_path / "b.dcm")[:2] == number).all()
    DICOM.write(tmp_path / "c.dcm", scan)
    np.testing.assert_array_equal(_stored(tmp_path / "c.dcm"), pixels)


def test_padding_of_floating_point_pixels(tmp_path: Path) -> None:
    pixels = TISSUE.astype(np.float32) / 7
    pixels[:2] = -9999
    scan = DICOM.read(_file(tmp_path / "a.dcm", pixels, FloatPixelPaddingValue=-9999.0))
    assert scan.slices.min() == pixels[2:].min()


def test_a_number_that_is_not_declared_is_a_value(tmp_path: Path) -> None:
    pixels = TISSUE.copy()
    pixels[:2] = -2000
    path = _file(tmp_path / "a.dcm", pixels)
    assert DICOM.read(path).slices.min() == -2000
    assert DICOM.header(path).remarks == ()


def test_a_declared_number_that_no_pixel_has_changes_nothing(tmp_path: Path) -> None:
    scan = DICOM.read(_file(tmp_path / "a.dcm", TISSUE, PixelPaddingValue=-2000))
    np.testing.assert_array_equal(scan.slices[0], TISSUE)
