"""Metadata that are incomplete or contradict each other: read by the standard, or refused."""

from __future__ import annotations

import math
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

from scanvq.cohort.catalog_reader import read_catalog
from scanvq.cohort.survey import Survey
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


def test_a_series_needs_the_slope_of_every_slice(tmp_path: Path) -> None:
    for name, slopes in {"some": [2, None], "all": [2, 3], "none": [None, None], "one": [1, None]}.items():
        for number, slope in enumerate(slopes):
            elements = {} if slope is None else {"RescaleSlope": str(slope), "RescaleIntercept": "0"}
            _dataset(
                tmp_path / name / f"{number}.dcm",
                PIXELS[number],
                ImagePositionPatient=[0, 0, 3 * number],
                ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                PixelSpacing=[1, 1],
                **elements,
            )
    with pytest.raises(UnreadableScan, match="a rescale slope for 1 of its 2 slices; give all or none"):
        DICOM.read(tmp_path / "some")
    assert DICOM.read(tmp_path / "all").slices[0].max() == 2 * PIXELS[0].max()
    for name in ("none", "one"):  # a slope of 1 is that of no slope
        assert DICOM.read(tmp_path / name).slices.max() == PIXELS[:2].max()


def test_incomplete_and_contradicting_slopes_are_told(tmp_path: Path) -> None:
    def remarks(**elements: Any) -> tuple[str, ...]:
        _dataset(tmp_path / "a.dcm", PIXELS[:2], EnhancedMRImageStorage, **elements)
        return DICOM.header(tmp_path / "a.dcm").remarks[:-1]  # the last is on positions

    frames = Sequence([A, B])
    assert remarks(RescaleSlope="2", RescaleIntercept="1") == ()
    assert remarks(RescaleSlope="2") == ("the rescale intercept is missing; 0 is used",)
    assert remarks(RescaleIntercept="5") == ("the rescale slope is missing; 1 is used",)
    assert remarks(PerFrameFunctionalGroupsSequence=frames) == ()
    (told,) = remarks(PerFrameFunctionalGroupsSequence=frames, RescaleSlope="1", RescaleIntercept="0")
    assert told == "rescale slopes of frames and of the file differ; those of the frames are used"


def test_series_that_are_no_volume_are_told_with_a_file(tmp_path: Path) -> None:
    (note,) = [
        note
        for note in read_catalog(_series(tmp_path / "two", patients=("P1", "P2"))).notes
        if "DICOM" in note
    ]
    assert "are of 2 patients, such as P1 and P2, so each is a scan" in note
    lost = _series(tmp_path / "lost")
    _dataset(lost / "2.dcm", PIXELS[2])
    catalog = read_catalog(lost)
    assert len(catalog.entries) == 6
    assert any("1 of them without a position, such as 2.dcm" in note for note in catalog.notes)
    whole = read_catalog(_series(tmp_path / "whole"))
    assert not any("DICOM" in note for note in whole.notes)


def _nifti(path: Path, *, slope: float = 1.0, intercept: float = 0.0, **changes: np.ndarray) -> Path:
    image = nib.Nifti1Image(np.transpose(PIXELS), changes.get("affine", np.eye(4)))
    if "qform" in changes:
        image.set_qform(changes["qform"], code=1)
    nib.save(image, path)
    data = bytearray(path.read_bytes())
    data[112:120] = struct.pack("<ff", slope, intercept)
    if "pixdim" in changes:
        data[80:92] = changes["pixdim"].astype("<f4").tobytes()
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("slope", "intercept"),
    [
        (math.inf, 0.0),
        (-math.inf, 0.0),
        (math.nan, 5.0),
        (2.0, math.nan),
        (2.0, math.inf),
        (math.nan, math.inf),
    ],
)
def test_nifti_slopes_that_are_no_numbers_are_refused(slope: float, intercept: float, tmp_path: Path) -> None:
    path = _nifti(tmp_path / "a.nii", slope=slope, intercept=intercept)
    for look in (FORMATS["nifti"].header, FORMATS["nifti"].read):
        with pytest.raises(UnreadableScan, match=r"slope|intercept"):
            look(path)


@pytest.mark.parametrize(
    ("slope", "intercept", "remarks"),
    [
        (0.0, 0.0, ()),
        (0.0, 5.0, ()),  # by the standard not scaled
        (math.nan, math.nan, ("the slope is no number; values are used as stored",)),
        (math.nan, 0.0, ("the slope is no number; values are used as stored",)),
    ],
)
def test_nifti_files_without_a_slope_are_used_as_stored(
    slope: float, intercept: float, remarks: tuple[str, ...], tmp_path: Path
) -> None:
    path = _nifti(tmp_path / "a.nii", slope=slope, intercept=intercept)
    assert FORMATS["nifti"].read(path).slices.max() == PIXELS.max()
    assert FORMATS["nifti"].header(path).remarks == remarks
    scaled = _nifti(tmp_path / "b.nii", slope=2.0, intercept=1.0)
    assert FORMATS["nifti"].read(scaled).slices.max() == 2 * PIXELS.max() + 1


def test_nifti_geometry_that_contradicts_itself_is_told(tmp_path: Path) -> None:
    turned = np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    header = FORMATS["nifti"].header
    assert header(_nifti(tmp_path / "a.nii", qform=np.eye(4))).remarks == ()
    (directions,) = header(_nifti(tmp_path / "b.nii", qform=turned)).remarks
    assert directions == "directions of qform and sform differ; those of the sform are used"
    (sizes,) = header(_nifti(tmp_path / "c.nii", pixdim=np.array([2, 2, 3]))).remarks
    assert sizes == "pixel sizes of the header and of its sform differ; those of the header are used"


def test_a_skewed_nifti_volume_is_cut_only_as_it_was_acquired(tmp_path: Path) -> None:
    skewed = np.eye(4)
    skewed[1, 2] = np.tan(np.radians(15))  # slices along z are moved along y
    oblique = np.eye(4)
    oblique[1:3, 1:3] = [[0.96, -0.28], [0.28, 0.96]]
    path, rotated = _nifti(tmp_path / "a.nii", affine=skewed), _nifti(tmp_path / "b.nii", affine=oblique)
    for look in (FORMATS["nifti"].header, FORMATS["nifti"].read):
        look(path, plane="axial")
        look(rotated, plane="sagittal")
        with pytest.raises(UnreadableScan, match=r"skewed by 15\.0 degrees in sagittal slices"):
            look(path, plane="sagittal")


def test_dicom_is_known_without_preamble_and_suffix(tmp_path: Path) -> None:
    _dataset(tmp_path / "a.dcm", PIXELS[0])
    content = (tmp_path / "a.dcm").read_bytes()
    (tmp_path / "a.dcm").unlink()
    (tmp_path / "IM1").write_bytes(content[132:])  # from the first tag of its file meta information
    plain = Dataset()
    plain.update(dcmread(BytesIO(content)))
    for implicit in (True, False):
        plain.save_as(tmp_path / f"IM{2 + implicit}", implicit_vr=implicit, little_endian=True)
    (tmp_path / "notes").write_bytes(b"\x08\x00 something else, longer than two tags")
    assert [entry.path.name for entry in read_catalog(tmp_path).entries] == ["IM1", "IM2", "IM3"]
    for name in ("IM1", "IM2", "IM3"):
        np.testing.assert_array_equal(DICOM.read(tmp_path / name).slices[0], PIXELS[0])
    (tmp_path / "scan.png").write_bytes(content)
    with pytest.raises(UnreadableScan, match=r"a DICOM file, not PNG; rename it to end in \.dcm"):
        FORMATS["png"].read(tmp_path / "scan.png")


def test_what_other_software_marks_as_synthetic_is_left_out(tmp_path: Path) -> None:
    _dataset(tmp_path / "a.dcm", PIXELS[0], SyntheticData="YES", SeriesInstanceUID="1.2.3")
    _dataset(tmp_path / "b.dcm", PIXELS[1], SyntheticData="NO", SeriesInstanceUID="1.2.4")
    catalog = read_catalog(tmp_path)
    assert [entry.path.name for entry in catalog.entries] == ["b.dcm"]
    assert any("1 files are left out because they are marked as synthetic" in note for note in catalog.notes)
    assert len(read_catalog(tmp_path, allow_synthetic=True).entries) == 2


def test_files_of_several_scanners_are_told(tmp_path: Path) -> None:
    for number, pixels in enumerate(PIXELS):
        scanner = "Prisma" if number % 3 else "Signa"
        name, series = tmp_path / f"{number}.dcm", f"1.2.3.4.{number}"
        _dataset(name, pixels, ManufacturerModelName=scanner, SeriesInstanceUID=series)
    told = Survey.of(read_catalog(tmp_path)).fingerprint["odd"]
    assert told == [
        "the files looked at are of 2 scanners: Prisma (4, 1.dcm), Signa (2, 0.dcm); the prior mixes them "
        "unless data.conditions names scanner"
    ]
    for name in ("0.dcm", "3.dcm"):
        (tmp_path / name).unlink()
    assert Survey.of(read_catalog(tmp_path)).fingerprint["odd"] == []


@pytest.mark.parametrize(("aspect", "told"), [((2, 1), True), ((1, 1), False)])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_pixels_that_are_not_square_without_a_length(
    suffix: str, aspect: tuple[int, int], told: bool, tmp_path: Path
) -> None:
    """PNG pHYs and JPEG JFIF with unit 0, which Pillow cannot write."""
    path = tmp_path / f"p{suffix}"
    Image.fromarray((PIXELS[0] % 256).astype(np.uint8)).save(path, dpi=(300, 300))
    data = path.read_bytes()
    if suffix == ".jpg":
        place = data.index(b"JFIF\0") + 7  # unit, density x, density y
        data = data[:place] + struct.pack(">BHH", 0, *aspect) + data[place + 5 :]
    else:
        place = data.index(b"pHYs")
        chunk = b"pHYs" + struct.pack(">IIB", *aspect, 0)
        data = data[:place] + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[place + len(chunk) + 4 :]
    path.write_bytes(data)
    remarks = FORMATS["png" if suffix == ".png" else "jpeg"].header(path).remarks
    assert [remark[:31] for remark in remarks] == (["viewers stretch it (aspect 2:1,"] if told else [])
