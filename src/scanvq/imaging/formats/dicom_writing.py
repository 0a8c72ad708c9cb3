"""Writing of DICOM files: an existing or a new header, pixels, and provenance of generated images."""

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

from scanvq.imaging.formats.dicom_values import PixelEncoding
from scanvq.imaging.formats.format import Provenance, Scan
from scanvq.imaging.formats.software import NAME, software_version

_SYNTHESIZING = ("109100", "DCM")  # code and scheme of Synthesizing Equipment, of CID 7005
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
# Tags that describe the replaced pixels: thumbnail, signatures, offsets of compressed frames.
_STALE = (
    "IconImageSequence",
    "DigitalSignaturesSequence",
    "MACParametersSequence",
    "SmallestImagePixelValue",
    "LargestImagePixelValue",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
)
_UNCOMPRESSED = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
)


def drop_pixels(data: FileDataset) -> FileDataset:
    """Removes the pixels from a data set; the empty element keeps its tag."""
    for name in _PIXELS:
        if name in data:
            data[name].value = b""
    data._pixel_array = None
    return data


def new_dataset(scan: Scan) -> FileDataset:
    """A header for a new scan: a secondary capture without a real patient.

    Raises:
        ValueError: an unsupported pixel type.
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


def file_bytes(
    data: FileDataset, encoding: PixelEncoding, stored: np.ndarray, provenance: Provenance | None
) -> bytes:
    """The bytes of a file with a header, stored numbers (n, H, W), and provenance if they are generated."""
    data = deepcopy(data)
    if encoding.color:
        _set_gray(data)
        if data.SamplesPerPixel == 3:
            stored = np.repeat(stored[..., None], 3, axis=-1)
    _set_pixels(data, encoding, stored)
    if data.file_meta.TransferSyntaxUID not in _UNCOMPRESSED:
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


def is_synthesized(data: Dataset) -> bool:
    """Whether a data set names equipment that made artificial content of it."""
    return any(
        (code.get("CodeValue"), code.get("CodingSchemeDesignator")) == _SYNTHESIZING
        for equipment in data.get("ContributingEquipmentSequence") or ()
        for code in equipment.get("PurposeOfReferenceCodeSequence") or ()
    )


def _set_pixels(data: FileDataset, encoding: PixelEncoding, stored: np.ndarray) -> None:
    big = data.file_meta.TransferSyntaxUID == ExplicitVRBigEndian
    ordered = stored.astype(stored.dtype.newbyteorder(">" if big else "<"), copy=False)
    if encoding.stored.kind == "f":
        name = "DoubleFloatPixelData" if "DoubleFloatPixelData" in data else "FloatPixelData"
        setattr(data, name, ordered.tobytes())
        return
    content = pack_bits(stored.ravel()) if data.BitsAllocated == 1 else ordered.tobytes()
    data.PixelData = content + b"\0" * (len(content) % 2)
    element = data["PixelData"]
    element.VR = "OB" if data.BitsAllocated <= 8 else "OW"
    element.is_undefined_length = False


def _set_gray(data: FileDataset) -> None:
    """Sets the tags for 8-bit gray: RGB with equal channels for colors, one channel for palettes."""
    if data.PhotometricInterpretation == "PALETTE COLOR":
        data.PhotometricInterpretation = "MONOCHROME2"
        for element in list(data.group_dataset(0x0028)):
            if "Palette" in element.keyword:
                del data[element.tag]
    else:
        data.PhotometricInterpretation, data.PlanarConfiguration = "RGB", 0
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0


def _write_provenance(data: FileDataset, provenance: Provenance) -> None:
    """Marks a data set as synthetic: provenance, new UIDs, reference to its source; patient tags are kept."""
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = (
        data.SOPClassUID,
        data.SOPInstanceUID,
    )
    data.SourceImageSequence = Items([reference])
    text = str(provenance)
    data.SOPInstanceUID = generate_uid(entropy_srcs=[str(data.SOPInstanceUID), text])
    data.SeriesInstanceUID = generate_uid(entropy_srcs=[str(data.get("SeriesInstanceUID")), text])
    previous = data.get("ImageType")
    image_type = [previous] if isinstance(previous, str) else list(previous or ())
    data.ImageType = ["DERIVED", "SECONDARY", *image_type[2:]]
    data.SyntheticData = "YES"
    data.SeriesDescription = text[:64]
    data.DerivationDescription = text
    equipment = Dataset()
    equipment.PurposeOfReferenceCodeSequence = Items([_synthesizing()])
    equipment.Manufacturer = equipment.ManufacturerModelName = NAME
    equipment.SoftwareVersions = software_version()
    equipment.ContributionDescription = text
    data.ContributingEquipmentSequence = Items(
        [*(data.get("ContributingEquipmentSequence") or ()), equipment]
    )


def _synthesizing() -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = _SYNTHESIZING
    code.CodeMeaning = "Synthesizing Equipment"
    return code
