"""Output keeps format and geometry of the input, for DICOM series and arrays, and is marked as synthetic."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from scanvq.imaging.formats import Provenance, format_of
from scanvq.model.headers import PriorHeader, TokenizerHeader
from scanvq.storage.weights import read_weights

Command = Callable[..., subprocess.CompletedProcess[str]]
KEPT = (
    "PatientID",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "RescaleSlope",
    "Rows",
)


def write_series(folder: Path, *, patient: str = "P1", shape: tuple[int, int] = (40, 36)) -> None:
    """Six slices of a body that no other patient has, 3 mm apart, in files without suffixes."""
    folder.mkdir(parents=True)
    rows, columns = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    random = np.random.default_rng(len(patient))
    organs = random.uniform(-0.8, 0.8, (12, 3))  # height, row, column of their middles
    for number in range(6):
        pixels = random.normal(50, 9, shape)
        for height, row, column in organs:
            square = (rows - row) ** 2 + (columns - column) ** 2 + (number / 2.5 - 1 - height) ** 2
            pixels += 700 * np.exp(-12 * square)
        pixels = pixels.clip(0).astype(np.uint16)
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
        data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, generate_uid()
        data.SeriesInstanceUID, data.PatientID = generate_uid(entropy_srcs=[str(folder)]), patient
        data.Rows, data.Columns = shape
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
        data.PixelSpacing, data.ImageOrientationPatient = [0.8, 1.2], [1, 0, 0, 0, 1, 0]
        data.ImagePositionPatient, data.InstanceNumber = [0, 0, -3.0 * number], number
        data.RescaleSlope, data.RescaleIntercept = 2, -100
        data.PixelData = pixels.tobytes()
        data.save_as(folder / f"IM{(number * 5) % 6}", enforce_file_format=True)


def ids(run: Path) -> tuple[str, str]:
    """Content ids of a run's tokenizer and prior."""
    found = [
        read_weights(run / role / "best.safetensors", header).header.id
        for role, header in (("tokenizer", TokenizerHeader), ("prior", PriorHeader))
    ]
    return found[0], found[1]


def test_reconstructions_keep_format_and_geometry_and_are_marked(
    trained: Path, scanvq: Command, tmp_path: Path
) -> None:
    own, out = tmp_path / "own", tmp_path / "out"
    write_series(own / "t2")
    image = np.linspace(-1, 1, 900).reshape(30, 30)
    np.save(own / "slice.npy", image)
    np.savez(own / "small.npz", test_images=(image * 99 + 100).astype(np.uint8)[None], test_labels=[[1]])
    scanvq("reconstruct", trained, own, "--out", out)
    model, _ = ids(trained)
    provenance = str(Provenance(model=model, derived="scan"))
    for file in (own / "t2").iterdir():
        before, after = dcmread(file), dcmread(out / "t2" / file.name)
        assert [after[name] for name in KEPT] == [before[name] for name in KEPT]
        assert after.SOPInstanceUID != before.SOPInstanceUID
        assert after.ImageType[:2] == ["DERIVED", "SECONDARY"]
        assert (after.SeriesDescription, after.SyntheticData) == (provenance, "YES")
        assert after.pixel_array.shape == (40, 36)
        assert (after.pixel_array != before.pixel_array).any()
    rebuilt = np.load(out / "slice.npy")
    assert (rebuilt.shape, rebuilt.dtype) == (image.shape, image.dtype)
    assert json.loads((out / "slice.json").read_text())["model"] == model
    with np.load(out / "small.npz") as saved:
        assert saved["test_images"].shape == (1, 30, 30)
        assert saved["test_labels"].tolist() == [[1]]
        assert str(saved["synthetic"]) == provenance
    with Image.open(out / "panels" / "t2.png") as panel:
        assert panel.info["Description"] == provenance


def test_completions_and_samples_have_their_prior_and_seed(
    trained: Path, scanvq: Command, tmp_path: Path
) -> None:
    _, prior = ids(trained)
    write_series(tmp_path / "t2")
    out = tmp_path / "out"
    scanvq("inpaint", trained, tmp_path / "t2", "--keep", "left-half", "-n", 2, "--seed", 5, "--out", out)
    for number in (0, 1):
        for file in (tmp_path / "t2").iterdir():
            before, after = dcmread(file), dcmread(out / f"t2_{number}" / file.name)
            np.testing.assert_array_equal(after.pixel_array[:, :18], before.pixel_array[:, :18])
            made_by = Provenance(model=prior, seed=5 + number, derived="scan")
            assert after.SeriesDescription == str(made_by)
    with Image.open(out / "panels" / "t2.png") as panel:
        assert panel.info["Description"] == str(Provenance(model=prior, seed=5, derived="scan"))
    scanvq("sample", trained, "-n", 1, "--seed", 6, "--out", tmp_path / "samples")
    scanvq("decode", trained, tmp_path / "samples" / "codes.npz", "--out", tmp_path / "decoded")
    for picture in ("samples/sample_000.png", "samples/samples.png", "decoded/image_000.png"):
        with Image.open(tmp_path / picture) as opened:
            assert opened.info["Description"] == str(Provenance(model=prior, seed=6))


def test_training_on_a_folder_of_series_at_one_spacing(scanvq: Command, tmp_path: Path) -> None:
    for patient in ("A", "BB", "CCC", "DDDD"):
        write_series(tmp_path / "scans" / patient / "t2", patient=patient)
    settings = ("--recipe=tiny", "--set=preparation.size=native", "--set=preparation.fit=pad")
    reported = scanvq(
        *("data", "prepare", tmp_path / "scans", *settings, "--plane", "coronal"),
        *("--slices", "middle:8", "--spacing", "2.0"),
    ).stdout
    # 36 columns of 1.2 mm are 22 of 2 mm, 6 slices of 3 mm are 9, each padded to what the network divides by
    assert reported.startswith("32 slices of 12x24 ")


@pytest.mark.parametrize("slices", ["20", "80:20", "middle:0"])
def test_wrong_slices_raise_before_reading(
    slices: str, refused: Callable[..., list[str]], tmp_path: Path
) -> None:
    (message,) = refused([["data", "prepare", tmp_path, "--slices", slices]])
    assert "it must be foreground, all, FIRST:END" in message


def test_what_is_derived_from_created_images_says_so(trained: Path, scanvq: Command, tmp_path: Path) -> None:
    """Whatever is made of a marked file, in whatever steps, is not taken for what is made of a scan."""
    model, _ = ids(trained)
    scanvq("sample", trained, "-n", 1, "--out", tmp_path / "samples", "--no-audit")
    created = tmp_path / "samples" / "sample_000.png"
    foreign = tmp_path / "foreign"  # marked by other software
    write_series(foreign)
    for file in foreign.iterdir():
        data = dcmread(file)
        data.SyntheticData = "YES"
        data.save_as(file)
    real = tmp_path / "real.png"
    Image.fromarray(np.asarray(Image.open(created)).copy()).save(real)
    files = (created, real, foreign)
    scanvq("reconstruct", trained, *files, "--out", tmp_path / "rebuilt", "--no-panels")
    scanvq("encode", trained, *files, "--out", tmp_path / "codes.npz")
    scanvq("decode", trained, tmp_path / "codes.npz", "--out", tmp_path / "decoded")
    of_scan, of_created = (Provenance(model=model, derived=source) for source in ("scan", "synthetic"))
    for folder in (tmp_path / "rebuilt", tmp_path / "decoded"):
        for name, expected in (("sample_000.png", of_created), ("real.png", of_scan)):
            assert format_of(folder / name).provenance(folder / name) == expected
    series, volume = tmp_path / "rebuilt" / "foreign", tmp_path / "decoded" / "foreign.nii.gz"
    assert format_of(series).provenance(series) == format_of(volume).provenance(volume) == of_created
