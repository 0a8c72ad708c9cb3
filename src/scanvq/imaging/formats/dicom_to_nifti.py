"""The NIfTI header of a DICOM scan, for programs that write its slices as NIfTI."""

from __future__ import annotations

import nibabel as nib

from scanvq.imaging.formats.dicom_geometry import image_planes, stack_planes
from scanvq.imaging.formats.format import Scan


def nifti_header_of(scan: Scan) -> bytes | None:
    """All bytes before the voxels of a NIfTI file with the slices and the place of a DICOM volume.

    Args:
        scan: as the DICOM format read it.

    Returns:
        None for a single slice and for slices without positions, which are written as they are.
    """
    planes = [image_planes(data) for data in scan.properties["datasets"]]
    if len(scan.slices) == 1 or any(each is None for each in planes):
        return None
    every = [plane for each in planes for plane in each or ()]
    stack = stack_planes(every)
    data = scan.properties["datasets"][0]
    header = nib.Nifti1Header()
    header.set_data_dtype(scan.slices.dtype)
    header.set_data_shape((len(every), int(data.Rows), int(data.Columns)))
    header.set_sform(stack.affine, code=1)
    header.set_qform(stack.affine, code=1)
    header.set_xyzt_units("mm")
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    return bytes(header.binaryblock) + b"\0\0\0\0"
