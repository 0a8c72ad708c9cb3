"""The files that nibabel and pydicom ship for their own tests: read as they read them, or refused plainly."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_modality_lut, pixel_array

from scanvq.imaging.formats import Scan, UnreadableScan, format_of

PYDICOM = Path(pydicom.__file__).parent / "data"
NIBABEL = Path(nib.__file__).parent / "tests" / "data"
CODE = (".py", ".pyc", ".m")


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in CODE)


def read_or_refused(path: Path) -> Scan | None:
    """A scan whose header agrees; None where it is refused in one sentence. Anything else is raised."""
    try:
        format = format_of(path)
        header, scan = format.header(path), format.read(path)
    except UnreadableScan as error:
        reported = error.reason
    else:
        reported = ""
    if reported:
        assert 3 < len(reported) < 250
        assert "\n" not in reported
        return None
    assert (header.slices, header.height, header.width) == scan.slices.shape
    assert header.dtype == scan.slices.dtype
    assert header.spacing == scan.spacing
    return scan


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_files_of_pydicom_are_read_rightly_or_refused(tmp_path: Path) -> None:
    compared = 0
    for path in files(PYDICOM):
        scan = read_or_refused(path)
        if scan is None:
            continue
        data = pydicom.dcmread(path, force=True)
        assert data.SamplesPerPixel == 1, path
        stored = pixel_array(data)
        if data.PhotometricInterpretation == "MONOCHROME1":
            stored = 2**data.BitsStored - 1 - stored
        expected = apply_modality_lut(stored, data).reshape(scan.slices.shape)
        tissue = np.ones(scan.slices.shape, bool)
        if "PixelPaddingValue" in data:  # declared as no data: read as the darkest value
            tissue = stored.reshape(scan.slices.shape) != data.PixelPaddingValue
            assert (scan.slices[~tissue] == scan.slices.min()).all(), path
        np.testing.assert_allclose(scan.slices[tissue], expected[tissue], rtol=1e-6, err_msg=str(path))
        format_of(path).write(tmp_path / "back.dcm", scan)
        back = pydicom.dcmread(tmp_path / "back.dcm")
        np.testing.assert_array_equal(pixel_array(back), pixel_array(data), err_msg=str(path))
        compared += 1
    assert compared >= 50, "most of pydicom's pictures are gray and not compressed"


def test_series_of_pydicom_are_volumes() -> None:
    folder = PYDICOM / "test_files" / "dicomdirtests" / "77654033" / "CT2"
    scan = format_of(folder).read(folder)
    slices = [pydicom.dcmread(path) for path in folder.iterdir()]
    head_up = sorted(slices, key=lambda one: one.ImagePositionPatient[2])
    assert len(scan.slices) == len(slices) > 2
    np.testing.assert_array_equal(scan.slices, [apply_modality_lut(one.pixel_array, one) for one in head_up])


def test_files_of_nibabel_are_read_rightly_or_refused() -> None:
    compared = 0
    for path in files(NIBABEL):
        scan = read_or_refused(path)
        if scan is None:
            continue
        if path.suffix == ".dcm":
            expected = pydicom.dcmread(path).pixel_array[None]
        else:
            right_front_head = nib.as_closest_canonical(nib.load(path)).get_fdata(dtype=np.float32)
            expected = right_front_head[::-1, ::-1].transpose(2, 1, 0)
        np.testing.assert_array_equal(scan.slices, expected, err_msg=str(path))
        compared += 1
    assert compared >= 4
