"""Metadata that are incomplete or contradict each other: read by the standard, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

from scanvq.cohort.catalog_reader import read_catalog
from scanvq.imaging.formats import FORMATS, UnreadableScan
from scanvq.imaging.formats.format import Plane

DICOM = FORMATS["dicom"]
PIXELS = np.random.default_rng(0).integers(1, 900, (6, 8, 9)).astype(np.uint16)


def _dataset(path: Path, pixels: np.ndarray, kind: str = MRImageStorage, **elements: Any) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID, data.SOPInstanceUID = kind, generate_uid(entropy_srcs=[str(path)])
    data.SeriesInstanceUID, data.PatientID = "1.2.3.4.5", "P1"
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.Rows, data.Columns = pixels.shape[-2:]
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit = 15
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    for name, value in elements.items():
        setattr(data, name, value)
    data.PixelData = pixels.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return data


def _group(slope: float, intercept: float) -> Dataset:
    values, group = Dataset(), Dataset()
    values.RescaleSlope, values.RescaleIntercept = str(slope), str(intercept)
    group.PixelValueTransformationSequence = Sequence([values])
    return group


A, B, NONE = _group(2, 1), _group(4, -3), Dataset()


@pytest.mark.parametrize(
    ("frames", "shared", "file", "expected"),
    [
        ([A, B], None, None, [(2, 1), (4, -3)]),
        ([A, B], None, (1, 0), [(2, 1), (4, -3)]),
        ([A, NONE], B, None, [(2, 1), (4, -3)]),
        ([NONE, NONE], B, None, [(4, -3), (4, -3)]),
        ([NONE, NONE], B, (1, 0), [(4, -3), (4, -3)]),
        ([NONE, NONE], None, (5, 2), [(5, 2), (5, 2)]),
        ([NONE, NONE], None, None, [(1, 0), (1, 0)]),
    ],
)
def test_slopes_of_frames_precede_shared_ones_and_those_of_the_file(
    frames: list[Dataset], shared: Dataset | None, file: Any, expected: list[Any], tmp_path: Path
) -> None:
    elements: dict[str, Any] = {"PerFrameFunctionalGroupsSequence": Sequence(frames)}
    if shared is not None:
        elements["SharedFunctionalGroupsSequence"] = Sequence([shared])
    if file is not None:
        elements["RescaleSlope"], elements["RescaleIntercept"] = map(str, file)
    _dataset(tmp_path / "a.dcm", PIXELS[:2], EnhancedMRImageStorage, **elements)
    slices = DICOM.read(tmp_path / "a.dcm").slices
    for found, stored, (slope, intercept) in zip(slices, PIXELS, expected, strict=False):
        np.testing.assert_array_equal(found, stored * float(slope) + intercept)


@pytest.mark.parametrize("file", [None, (1, 0)])
def test_a_slope_for_some_of_the_frames_is_refused(file: Any, tmp_path: Path) -> None:
    elements: dict[str, Any] = {"PerFrameFunctionalGroupsSequence": Sequence([A, NONE])}
    if file is not None:
        elements["RescaleSlope"], elements["RescaleIntercept"] = map(str, file)
    _dataset(tmp_path / "a.dcm", PIXELS[:2], EnhancedMRImageStorage, **elements)
    with pytest.raises(UnreadableScan, match="a rescale slope for 1 of its 2 frames; give all or none"):
        DICOM.read(tmp_path / "a.dcm")


def _series(folder: Path, *, shift: float = 0.0, patients: tuple[str, ...] = ("P1",)) -> Path:
    for number, pixels in enumerate(PIXELS):
        _dataset(
            folder / f"{number}.dcm",
            pixels,
            PatientID=patients[number % len(patients)],
            ImagePositionPatient=[0, shift * number, 3 * number],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[1, 1],
        )
    return folder


@pytest.mark.parametrize("plane", ["coronal", "sagittal"])
def test_a_tilted_stack_is_not_cut_across(plane: Plane, tmp_path: Path) -> None:
    tilted, upright = _series(tmp_path / "tilted", shift=1.0), _series(tmp_path / "upright", shift=0.001)
    for look in (DICOM.header, DICOM.read):
        with pytest.raises(
            UnreadableScan, match=rf"tilted by 18\.4 degrees, so {plane} slices would be skewed"
        ):
            look(tilted, plane=plane)
        look(upright, plane=plane)
        look(tilted, plane="axial")
    assert "the stack is tilted by 18 degrees" in DICOM.header(tilted).remarks
    assert DICOM.header(upright).remarks == ()


def test_patients_under_one_series_number_are_not_one_volume(tmp_path: Path) -> None:
    mixed = _series(tmp_path / "mixed", patients=("P1", "P2"))
    with pytest.raises(UnreadableScan, match="its files are of 2 patients"):
        DICOM.read(mixed)
    assert [entry.subject for entry in read_catalog(mixed).entries] == ["P1", "P2"] * 3
    single = read_catalog(_series(tmp_path / "single"))
    assert [entry.subject for entry in single.entries] == ["P1"]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("turned", [1, 6])
def test_orientation_and_resolution_for_viewers_are_kept(suffix: str, turned: int, tmp_path: Path) -> None:
    path, again = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    exif = Image.Exif()
    exif[0x0112] = turned
    Image.fromarray((PIXELS[0] % 256).astype(np.uint8)).save(path, exif=exif, dpi=(300, 300))
    format = FORMATS["png" if suffix == ".png" else "jpeg"]
    format.write(again, format.read(path))
    with Image.open(again) as written:
        assert written.getexif()[0x0112] == turned
        assert tuple(round(float(one)) for one in written.info["dpi"]) == (300, 300)
    remarks = format.header(path).remarks
    assert remarks == (() if turned == 1 else ("viewers turn it (EXIF orientation 6); used as stored",))
