"""DICOM files made of numbers: a header as it came or a new one, and the mark of what is generated."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from io import BytesIO

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.pixels import pack_bits
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from scanvq.imaging.formats.dicom_values import Values
from scanvq.imaging.formats.format import Provenance, Scan

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
# Of the pixels that were: a thumbnail, checksums, and the offsets of what was compressed.
_STALE = (
    "IconImageSequence",
    "DigitalSignaturesSequence",
    "MACParametersSequence",
    "SmallestImagePixelValue",
    "LargestImagePixelValue",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
)
_PLAIN = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
)


def without_pixels(data: FileDataset) -> FileDataset:
    """A header whose pixels are left out; which element held them is still told, by an empty one."""
    for name in _PIXELS:
        if name in data:
            data[name].value = b""
    data._pixel_array = None
    return data


def new_dataset(scan: Scan) -> FileDataset:
    """A header for a scan that no file held before: a secondary capture of nobody.

    Raises:
        ValueError: pixels of a type that it cannot hold.
    """
    slices = scan.slices
    if slices.dtype not in (np.uint8, np.uint16, np.int16):
        raise ValueError(
            f"a new DICOM file holds uint8, uint16 or int16; this scan has {slices.dtype}. Write NIfTI."
        )
    kind = SecondaryCaptureImageStorage
    if len(slices) > 1:
        byte = slices.dtype == np.uint8
        kind = (
            MultiFrameGrayscaleByteSecondaryCaptureImageStorage
            if byte
            else MultiFrameGrayscaleWordSecondaryCaptureImageStorage
        )
    content = hashlib.sha256(slices.tobytes()).hexdigest()
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID = kind
    data.SOPInstanceUID = generate_uid(entropy_srcs=["instance", content])
    data.SeriesInstanceUID = generate_uid(entropy_srcs=["series", content])
    data.StudyInstanceUID = generate_uid(entropy_srcs=["study", content])
    data.Modality, data.ConversionType = "OT", "SYN"
    data.PatientName, data.PatientID = "NOBODY", "NOBODY"
    data.SeriesNumber = data.InstanceNumber = 1
    data.ImageType = ["DERIVED", "SECONDARY"]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    if len(slices) > 1:
        data.NumberOfFrames = len(slices)
    data.Rows, data.Columns = slices.shape[1:]
    data.BitsAllocated = data.BitsStored = slices.dtype.itemsize * 8
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(slices.dtype.kind == "i")
    if scan.spacing is not None:
        data.PixelSpacing = [f"{size:.10g}" for size in scan.spacing]
    data.PixelData = b""
    return data


def encoded(data: FileDataset, values: Values, stored: np.ndarray, provenance: Provenance | None) -> bytes:
    """A whole file: a header, its numbers (n, H, W), and what made them."""
    data = deepcopy(data)
    if values.color:
        _as_gray(data)
        if data.SamplesPerPixel == 3:
            stored = np.repeat(stored[..., None], 3, axis=-1)
    _set_pixels(data, values, stored)
    if data.file_meta.TransferSyntaxUID not in _PLAIN:
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for name in _STALE:
        if name in data and (provenance is not None or name.startswith("Extended")):
            del data[name]
    if "SOPClassUID" not in data:
        data.SOPClassUID = SecondaryCaptureImageStorage
    if "SOPInstanceUID" not in data:
        data.SOPInstanceUID = generate_uid(entropy_srcs=[hashlib.sha256(stored.tobytes()).hexdigest()])
    if provenance is not None:
        _write_provenance(data, provenance)
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    file = BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _set_pixels(data: FileDataset, values: Values, stored: np.ndarray) -> None:
    big = data.file_meta.TransferSyntaxUID == ExplicitVRBigEndian
    ordered = stored.astype(stored.dtype.newbyteorder(">" if big else "<"), copy=False)
    if values.stored.kind == "f":
        name = "DoubleFloatPixelData" if "DoubleFloatPixelData" in data else "FloatPixelData"
        setattr(data, name, ordered.tobytes())
        return
    content = pack_bits(stored.ravel()) if data.BitsAllocated == 1 else ordered.tobytes()
    data.PixelData = content + b"\0" * (len(content) % 2)
    element = data["PixelData"]
    element.VR = "OB" if data.BitsAllocated <= 8 else "OW"
    element.is_undefined_length = False


def _as_gray(data: FileDataset) -> None:
    """Colors and palettes become what holds gray of 8 bits: RGB of equal channels, or one channel."""
    if data.PhotometricInterpretation == "PALETTE COLOR":
        data.PhotometricInterpretation = "MONOCHROME2"
        for element in list(data.group_dataset(0x0028)):
            if "Palette" in element.keyword:
                del data[element.tag]
    else:
        data.PhotometricInterpretation, data.PlanarConfiguration = "RGB", 0
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0


def _write_provenance(data: FileDataset, provenance: Provenance) -> None:
    """Says in every field made for it that a file is generated; whom it is of stays as it was."""
    source = Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
    data.SourceImageSequence = Items([source])
    reported = str(provenance)
    data.SOPInstanceUID = generate_uid(entropy_srcs=[str(data.SOPInstanceUID), reported])
    data.SeriesInstanceUID = generate_uid(entropy_srcs=[str(data.get("SeriesInstanceUID")), reported])
    old = data.get("ImageType")
    kind = [old] if isinstance(old, str) else list(old or ())
    data.ImageType = ["DERIVED", "SECONDARY", *kind[2:]]
    data.SyntheticData = "YES"
    data.SeriesDescription = reported[:64]
    data.DerivationDescription = reported
