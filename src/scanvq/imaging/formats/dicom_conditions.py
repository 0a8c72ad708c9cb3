"""Conditions from DICOM headers: sex, age and scanner."""

from __future__ import annotations

import re
from pathlib import Path

from pydicom import dcmread

from scanvq.imaging.formats.dicom_files import dicom_errors, series_files

NAMES = ("sex", "age", "scanner")
_TAGS = ["PatientSex", "PatientAge", "Manufacturer", "ManufacturerModelName"]
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_PER_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}


def dicom_conditions(path: Path) -> dict[str, str]:
    """Sex, age in years and scanner from the first file of a file or series; missing tags are omitted.

    Raises:
        UnreadableScan: not a DICOM file or series.
    """
    first = series_files(path)[0]
    with dicom_errors(first):
        data = dcmread(first, stop_before_pixels=True, force=True, specific_tags=list(_TAGS))
        tags = {tag: str(data.get(tag) or "").strip() for tag in _TAGS}
    age = _AGE.fullmatch(tags["PatientAge"])
    conditions = {
        "sex": tags["PatientSex"],
        "age": f"{int(age[1]) / _PER_YEAR[age[2]]:.4g}" if age else "",
        "scanner": tags["ManufacturerModelName"] or tags["Manufacturer"],
    }
    return {name: text for name, text in conditions.items() if text}
