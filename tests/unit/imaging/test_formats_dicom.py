"""DICOM: values, slice order and geometry follow the headers; files are written back unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, RLELossless, generate_uid

from scanvq.cohort.catalog_reader import read_catalog
from scanvq.imaging.formats import FORMATS, Provenance, Scan, UnreadableScan, format_of
from scanvq.imaging.formats.format import Plane

DICOM = FORMATS["dicom"]
MARK = Provenance(model="0123456789abcdef", seed=7)
AXIAL = (1, 0, 0, 0, 1, 0)


def slice_file(
    path: Path, pixels: np.ndarray, *, position: tuple[float, ...] | None = None, **elements: Any
) -> FileDataset:
    """Writes a slice (H, W), or frames (n, H, W); elements that are None are left out."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID = MRImageStorage
    data.SOPInstanceUID = generate_uid(entropy_srcs=[str(path)])
    data.SeriesInstanceUID = generate_uid(entropy_srcs=[str(path.parent)])
    data.PatientID, data.PatientName = "P1", "Doe^Jane"
    data.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    data.Rows, data.Columns = pixels.shape[-2:]
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelSpacing = [0.5, 0.75]
    if position is not None:
        data.ImagePositionPatient, data.ImageOrientationPatient = list(position), list(AXIAL)
    for name, value in elements.items():
        setattr(data, name, value)
    data.PixelData = pixels.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return data


def volume(count: int = 5, height: int = 6, width: int = 7) -> np.ndarray:
    """Slices that differ in every pixel, feet to head."""
    return np.random.default_rng(0).integers(0, 4000, (count, height, width)).astype(np.int16)


def series(folder: Path, slices: np.ndarray, *, step: float = 3.0, **elements: Any) -> Path:
    """Writes slices (S, H, W) into a folder, in an order that is not that of the names, without suffixes."""
    names = np.random.default_rng(1).permutation(len(slices))
    for number, (name, pixels) in enumerate(zip(names, slices, strict=True)):
        slice_file(folder / f"IM{name:04d}", pixels, position=(-10.0, -20.0, number * step), **elements)
    return folder


def test_rescale_is_applied_and_undone(tmp_path: Path) -> None:
    path, stored = tmp_path / "a.dcm", volume(1)[0]
    slice_file(path, stored, RescaleSlope="0.25", RescaleIntercept="-3.5")
    scan = DICOM.read(path)
    assert DICOM.header(path).dtype == scan.slices.dtype == np.float32
    np.testing.assert_allclose(scan.slices[0], stored * 0.25 - 3.5)
    DICOM.write(tmp_path / "b.dcm", Scan(slices=scan.slices + 0.25, properties=scan.properties))
    np.testing.assert_array_equal(dcmread(tmp_path / "b.dcm").pixel_array, stored + 1)


def test_hounsfield_units_stay_integers(tmp_path: Path) -> None:
    path, stored = tmp_path / "a.dcm", volume(1)[0].astype(np.uint16)
    slice_file(path, stored, BitsStored=12, HighBit=11, RescaleSlope="1", RescaleIntercept="-1024")
    scan = DICOM.read(path)
    assert scan.slices.dtype == np.int32
    np.testing.assert_array_equal(scan.slices[0], stored.astype(int) - 1024)


@pytest.mark.parametrize(("dtype", "top"), [("uint16", 4095), ("int16", -1)])
def test_monochrome1_is_inverted_and_inverted_back(dtype: str, top: int, tmp_path: Path) -> None:
    path, stored = tmp_path / "a.dcm", (volume(1)[0] - (2000 if dtype == "int16" else 0)).astype(dtype)
    slice_file(path, stored, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11)
    scan = DICOM.read(path)
    np.testing.assert_array_equal(scan.slices[0], top - stored.astype(int))
    DICOM.write(tmp_path / "b.dcm", scan)
    back = dcmread(tmp_path / "b.dcm")
    assert back.PhotometricInterpretation == "MONOCHROME1"
    np.testing.assert_array_equal(back.pixel_array, stored)


def test_a_series_is_ordered_by_position_not_by_name(tmp_path: Path) -> None:
    slices = volume()
    scan = DICOM.read(series(tmp_path / "t2", slices))
    np.testing.assert_array_equal(scan.slices, slices)
    assert scan.spacing == (0.5, 0.75)


def test_a_series_is_cut_along_any_plane(tmp_path: Path) -> None:
    slices = volume()
    folder = series(tmp_path / "t2", slices, step=3.0)
    coronal = DICOM.read(folder, plane="coronal")
    # rows of an axial slice run front to back, coronal slices back to front; the head is up
    np.testing.assert_array_equal(coronal.slices, slices[::-1].transpose(1, 0, 2)[::-1])
    assert coronal.spacing == (3.0, 0.75)
    header = DICOM.header(folder, plane="coronal")
    assert (header.slices, header.height, header.width) == coronal.slices.shape
    sagittal = DICOM.read(folder, plane="sagittal")
    assert sagittal.spacing == (3.0, 0.5)
    assert sagittal.slices.shape == (7, 5, 6)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_a_series_is_written_back_unchanged(plane: Plane, tmp_path: Path) -> None:
    folder = series(tmp_path / "t2", volume(), RescaleSlope="0.3", RescaleIntercept="1")
    DICOM.write(tmp_path / "out", DICOM.read(folder, plane=plane))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(p.name for p in folder.iterdir())
    for file in folder.iterdir():
        before, after = dcmread(file), dcmread(tmp_path / "out" / file.name)
        np.testing.assert_array_equal(after.pixel_array, before.pixel_array)
        assert after == before


def test_each_slice_has_its_own_rescale(tmp_path: Path) -> None:
    pixels = volume(2)
    for number, slope in enumerate(("0.5", "2.5")):
        slice_file(
            tmp_path / f"pet/{number}.dcm", pixels[number], position=(0, 0, number), RescaleSlope=slope
        )
    scan = DICOM.read(tmp_path / "pet")
    np.testing.assert_allclose(scan.slices, pixels * np.array([0.5, 2.5])[:, None, None])
    DICOM.write(tmp_path / "out", scan)
    for number in range(2):
        np.testing.assert_array_equal(dcmread(tmp_path / f"out/{number}.dcm").pixel_array, pixels[number])


def test_a_generated_file_is_marked_as_synthetic_and_keeps_patient_tags(tmp_path: Path) -> None:
    folder = series(tmp_path / "t2", volume())
    DICOM.write(tmp_path / "out", DICOM.read(folder), MARK)
    written = [dcmread(tmp_path / "out" / file.name) for file in sorted(folder.iterdir())]
    originals = [dcmread(file) for file in sorted(folder.iterdir())]
    for old, new in zip(originals, written, strict=True):
        assert new.ImageType == ["DERIVED", "SECONDARY", "M"]
        assert new.SyntheticData == "YES"
        assert new.SeriesDescription == str(MARK) == "SYNTHETIC ScanVQ model=0123456789abcdef seed=7"
        assert new.file_meta.MediaStorageSOPInstanceUID == new.SOPInstanceUID != old.SOPInstanceUID
        assert new.SourceImageSequence[0].ReferencedSOPInstanceUID == old.SOPInstanceUID
        assert new.SeriesInstanceUID != old.SeriesInstanceUID
        for kept in ("PatientID", "PatientName", "ImagePositionPatient", "ImageOrientationPatient"):
            assert new[kept] == old[kept]
    assert len({new.SeriesInstanceUID for new in written}) == 1
    assert len({new.SOPInstanceUID for new in written}) == len(written)


def test_a_new_volume_is_a_secondary_capture_without_patient(tmp_path: Path) -> None:
    scan = Scan(slices=volume(), spacing=(1.5, 2.0))
    DICOM.write(tmp_path / "new.dcm", scan, MARK)
    written = dcmread(tmp_path / "new.dcm")
    assert (written.PatientID, written.NumberOfFrames, written.SyntheticData) == ("NOBODY", 5, "YES")
    back = DICOM.read(tmp_path / "new.dcm")
    np.testing.assert_array_equal(back.slices, scan.slices)
    assert back.spacing == (1.5, 2.0)
    with pytest.raises(ValueError, match=r"float32\. Write NIfTI"):
        DICOM.write(tmp_path / "no.dcm", Scan(slices=np.zeros((1, 4, 4), np.float32)))


def test_compressed_pixels_are_read_and_written_uncompressed(tmp_path: Path) -> None:
    path, stored = tmp_path / "a.dcm", volume(1)[0].astype(np.uint16)
    data = slice_file(path, stored)
    data.compress(RLELossless)
    data.save_as(path, enforce_file_format=True)
    scan = DICOM.read(path)
    np.testing.assert_array_equal(scan.slices[0], stored)
    DICOM.write(tmp_path / "b.dcm", scan)
    back = dcmread(tmp_path / "b.dcm")
    assert not back.file_meta.TransferSyntaxUID.is_compressed
    np.testing.assert_array_equal(back.pixel_array, stored)


def test_colors_that_are_gray_come_back_as_colors(tmp_path: Path) -> None:
    path, stored = tmp_path / "a.dcm", (volume(1)[0] % 256).astype(np.uint8)
    colors = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    data = slice_file(path, stored, **colors)
    data.PixelData = np.repeat(stored[..., None], 3, axis=-1).tobytes()
    data.save_as(path)
    scan = DICOM.read(path)
    np.testing.assert_array_equal(scan.slices[0], stored)
    DICOM.write(tmp_path / "b.dcm", scan)
    np.testing.assert_array_equal(dcmread(tmp_path / "b.dcm").pixel_array[..., 1], stored)
    data.PixelData = np.stack([stored, stored.T.reshape(stored.shape), stored], axis=-1).tobytes()
    data.save_as(path)
    with pytest.raises(UnreadableScan, match="colored, not gray"):
        DICOM.read(path)


def test_several_frames_without_positions_stay_in_order(tmp_path: Path) -> None:
    slice_file(tmp_path / "cine.dcm", volume())
    header, scan = DICOM.header(tmp_path / "cine.dcm", plane="sagittal"), DICOM.read(tmp_path / "cine.dcm")
    np.testing.assert_array_equal(scan.slices, volume())
    assert header.remarks == ("frames without positions, in stored order",)


def test_a_missing_slice_is_reported(tmp_path: Path) -> None:
    for number in (0, 1, 2, 4):
        slice_file(tmp_path / f"gap/{number}.dcm", volume()[number], position=(0, 0, 3.0 * number))
    assert DICOM.header(tmp_path / "gap").remarks == ("slices are missing: the steps between slices differ",)
    with pytest.raises(UnreadableScan, match="slices are missing, so they cannot be cut across"):
        DICOM.header(tmp_path / "gap", plane="coronal")


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"position": (0, 0, 0)}, "1 of its slices share a position"),
        ({"position": (0, 0, 3), "ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}, "not parallel"),
        ({"position": (0, 0, 3), "PixelSpacing": [1, 1]}, "differ in pixel size"),
        ({"position": (0, 0, 3), "RescaleSlope": "0"}, "its slice 2 has the invalid rescale slope 0"),
        (
            {"position": (0, 0, 3), "SeriesInstanceUID": "1.2.3.4"},
            "holds 2 series; name one, such as mixed/1.2",
        ),
        ({}, "its files have no slice positions"),
    ],
)
def test_a_folder_that_is_no_volume_is_refused(second: dict[str, Any], message: str, tmp_path: Path) -> None:
    slice_file(tmp_path / "mixed/1.dcm", volume()[0], position=(0, 0, 0), InstanceNumber=1)
    slice_file(tmp_path / "mixed/2.dcm", volume()[1], InstanceNumber=2, **second)
    for look in (DICOM.header, DICOM.read):
        with pytest.raises(UnreadableScan, match=message) as caught:
            look(tmp_path / "mixed")
        assert caught.value.path == tmp_path / "mixed"


def test_slices_of_different_sizes_are_refused(tmp_path: Path) -> None:
    slice_file(tmp_path / "mixed/1.dcm", volume()[0], position=(0, 0, 0))
    slice_file(tmp_path / "mixed/2.dcm", volume(1, 8, 8)[0], position=(0, 0, 3))
    with pytest.raises(UnreadableScan, match="differ in size"):
        DICOM.read(tmp_path / "mixed")


def test_encapsulated_nonsense_is_refused(tmp_path: Path) -> None:
    data = slice_file(tmp_path / "a.dcm", volume(1)[0])
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.70"
    data.PixelData = encapsulate([b"\xff\xd8nonsense"])
    data["PixelData"].is_undefined_length = True
    data.save_as(tmp_path / "a.dcm")
    with pytest.raises(UnreadableScan):
        DICOM.read(tmp_path / "a.dcm")


def test_folders_of_series_make_a_catalog_by_patient(tmp_path: Path) -> None:
    for patient in ("A", "B", "C"):
        series(tmp_path / f"study{patient}/t2", volume(), PatientID=patient)
    series(tmp_path / "studyC/both", volume(3), PatientID="C")
    for number in range(2):
        slice_file(
            tmp_path / f"studyC/both/other{number}", volume()[number], position=(0, 0, number),
            SeriesInstanceUID="1.2.3.4.5", PatientID="C",
        )  # fmt: skip
    slice_file(
        tmp_path / "xray/one.dcm", volume()[0], PatientID="anonymous", ImageOrientationPatient=list(AXIAL)
    )
    found = {entry.path.as_posix(): entry.subject for entry in read_catalog(tmp_path).entries}
    first = dcmread(next((tmp_path / "studyC/both").glob("IM*"))).SeriesInstanceUID
    assert found == {
        "studyA/t2": "A",
        "studyB/t2": "B",
        "studyC/t2": "C",
        f"studyC/both/{first}": "C",
        "studyC/both/1.2.3.4.5": "C",
        "xray/one.dcm": "xray",
    }
    for name in found:
        assert format_of(tmp_path / name) is DICOM
    assert DICOM.read(tmp_path / "studyC/both/1.2.3.4.5").slices.shape == (2, 6, 7)
    assert len(DICOM.files(tmp_path / f"studyC/both/{first}")) == 3


def test_one_series_alone_is_a_scan(tmp_path: Path) -> None:
    series(tmp_path / "t2", volume())
    (tmp_path / "t2/notes.txt").write_text("by hand")
    catalog = read_catalog(tmp_path / "t2")
    assert [(entry.path, entry.subject) for entry in catalog.entries] == [(Path(), "P1")]


def test_images_are_distinguished_from_reports_and_segmentations(tmp_path: Path) -> None:
    slice_file(tmp_path / "a.dcm", volume()[0])
    slice_file(tmp_path / "seg.dcm", volume()[0], Modality="SEG")
    report = dcmread(tmp_path / "a.dcm")
    for name in ("Rows", "Columns", "PixelData"):
        delattr(report, name)
    report.save_as(tmp_path / "report.dcm")
    catalog = read_catalog(tmp_path)
    assert [entry.path.name for entry in catalog.entries] == ["a.dcm"]
    assert "1 DICOM segmentations" in catalog.notes[0]
    assert "1 DICOM without an image" in catalog.notes[0]
    with pytest.raises(UnreadableScan, match="DICOM without an image"):
        DICOM.read(tmp_path / "report.dcm")
