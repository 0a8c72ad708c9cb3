"""Fields of a NIfTI header that are no numbers, or contradict each other."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from scanvq.imaging.formats.format import Plane
from scanvq.imaging.formats.orientation import MOST_SKEW, skew
from scanvq.imaging.formats.reading import UnreadableScan

MILLIMETERS = {1: 1000.0, 2: 1.0, 3: 0.001}
"""By the code of the unit: meter, millimeter, micron."""
_TOLERANCE = 0.01  # relative, of lengths; of direction cosines


def check_scaling(path: Path, header: nib.Nifti1Header) -> None:
    """Raises UnreadableScan for a slope that is no number, unless the intercept says that there is none.

    By the standard, a slope of 0 means that values are not scaled. A slope that is NaN is taken so, too, as
    long as the intercept is NaN or 0, since some software writes it for no scaling.
    """
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    unset = np.isnan(slope) and (np.isnan(intercept) or intercept == 0)
    if not np.isfinite(slope) and not unset:
        raise UnreadableScan(
            path, f"its slope is {slope:g} with an intercept of {intercept:g}; write a number, or 0 for none"
        )


def refuse_skewed(path: Path, axes: tuple[int, ...], affine: np.ndarray, plane: Plane) -> None:
    """Raises UnreadableScan for a volume whose slices of this plane are not rectangles in the patient."""
    is_volume = len(axes) == 3 and axes.count(1) == 0
    if is_volume and (degrees := skew(affine, plane)) > MOST_SKEW:
        raise UnreadableScan(
            path,
            f"its affine is skewed by {degrees:.1f} degrees in {plane} slices; use the plane in which it was "
            "acquired, or resample it first",
        )


def contradictions(header: nib.Nifti1Header) -> tuple[str, ...]:
    """Remarks on fields that disagree, and on which of them is used."""
    remarks = []
    if np.isnan(float(header["scl_slope"])):
        remarks.append("the slope is no number; values are used as stored")
    with np.errstate(all="ignore"):
        sizes = np.abs(header["pixdim"][1:4].astype(np.float64))
    sizes = sizes * MILLIMETERS.get(int(header["xyzt_units"]) & 7, 1.0)
    if int(header["sform_code"]) > 0:
        sform = np.asarray(header.get_sform(), np.float64)[:3, :3]
        lengths = np.linalg.norm(sform, axis=0)
        axes = slice(min(int(header["dim"][0]), 3))
        close = np.allclose(lengths[axes], sizes[axes], rtol=_TOLERANCE, atol=0)
        if np.isfinite(sform).all() and not close:
            remarks.append("pixel sizes of the header and of its sform differ; those of the header are used")
        if int(header["qform_code"]) > 0 and _directions_differ(sform, header):
            remarks.append("directions of qform and sform differ; those of the sform are used")
    return tuple(remarks)


def _directions_differ(sform: np.ndarray, header: nib.Nifti1Header) -> bool:
    try:
        qform = np.asarray(header.get_qform(), np.float64)[:3, :3]
    except (ValueError, nib.spatialimages.HeaderDataError):  # an invalid rotation
        return True
    with np.errstate(all="ignore"):
        of_sform, of_qform = (matrix / np.linalg.norm(matrix, axis=0) for matrix in (sform, qform))
    return not np.allclose(of_sform, of_qform, atol=_TOLERANCE, equal_nan=True)
