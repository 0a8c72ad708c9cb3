"""What a DICOM header says of the patient and the scanner, as far as a model may be conditioned on it."""

from __future__ import annotations

import re
from pathlib import Path

from pydicom import dcmread

from scanvq.imaging.formats.dicom_files import plainly, series_files

NAMES = ("sex", "age", "scanner")
_TAGS = ["PatientSex", "PatientAge", "Manufacturer", "ManufacturerModelName"]
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_A_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}


def dicom_conditions(path: Path) -> dict[str, str]:
    """Sex, age in years and scanner of a file or series, by its first file; what it does not say is left out.

    Raises:
        UnreadableScan: no DICOM there.
    """
    first = series_files(path)[0]
    with plainly(first):
        data = dcmread(first, stop_before_pixels=True, force=True, specific_tags=list(_TAGS))
        reported = {tag: str(data.get(tag) or "").strip() for tag in _TAGS}
    age = _AGE.fullmatch(reported["PatientAge"])
    found = {
        "sex": reported["PatientSex"],
        "age": f"{int(age[1]) / _A_YEAR[age[2]]:.4g}" if age else "",
        "scanner": reported["ManufacturerModelName"] or reported["Manufacturer"],
    }
    return {name: text for name, text in found.items() if text}
