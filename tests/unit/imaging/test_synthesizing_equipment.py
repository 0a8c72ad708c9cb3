"""Generated DICOM files name ScanVQ as synthesizing equipment, beside the equipment of their source."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from scanvq.imaging.formats import FORMATS, Provenance, Scan

DICOM = FORMATS["dicom"]
SLICES = np.arange(20 * 16, dtype=np.int16).reshape(1, 20, 16)
MARK = Provenance(model="0123456789abcdef", seed=7)


def scan_with_equipment(path: Path, value: str, scheme: str = "DCM") -> Path:
    """A scan that names a device of some purpose."""
    DICOM.write(path, Scan(slices=SLICES))
    data = dcmread(path)
    code, device = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, "some equipment"
    device.PurposeOfReferenceCodeSequence, device.Manufacturer = [code], "somebody"
    data.ContributingEquipmentSequence = [device]
    data.save_as(path)
    return path


def test_a_generated_file_names_this_software_and_keeps_other_devices(tmp_path: Path) -> None:
    path = scan_with_equipment(tmp_path / "scan.dcm", "109101")
    scan = DICOM.read(path)
    DICOM.write(tmp_path / "made.dcm", scan, MARK)
    made = dcmread(tmp_path / "made.dcm")
    acquisition, own = made.ContributingEquipmentSequence
    code = own.PurposeOfReferenceCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("109100", "DCM")
    assert code.CodeMeaning == "Synthesizing Equipment"
    assert (own.Manufacturer, own.ManufacturerModelName) == ("ScanVQ", "ScanVQ")
    assert (own.SoftwareVersions, own.ContributionDescription) == (version("scanvq"), str(MARK))
    assert acquisition.Manufacturer == "somebody"
    assert made.SyntheticData == "YES"
    DICOM.write(tmp_path / "again.dcm", scan)  # not generated: as it came
    assert len(dcmread(tmp_path / "again.dcm").ContributingEquipmentSequence) == 1


@pytest.mark.parametrize(
    ("value", "scheme", "synthetic"),
    [("109100", "DCM", True), ("109101", "DCM", False), ("109100", "99OTHER", False)],
)
def test_files_of_other_synthesizing_equipment_are_synthetic(
    value: str, scheme: str, synthetic: bool, tmp_path: Path
) -> None:
    path = scan_with_equipment(tmp_path / "scan.dcm", value, scheme)
    assert "SyntheticData" not in dcmread(path)
    assert DICOM.is_synthetic(path) == synthetic
