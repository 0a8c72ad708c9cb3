"""Uploaded scans: checked before they are decoded, deleted once they are read."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanvq.app.limits import Limits, Refused
from scanvq.app.pictures import Pixels, gray
from scanvq.imaging.formats import FORMATS, Scan, Source, UnreadableScan, format_of
from scanvq.inference.scan_files import source_of
from scanvq.model.model import Model

ACCEPTED = ("nifti", "dicom", "png", "jpeg")
BRIGHTEST = 99.8  # percentile of a scan that is shown as white
SHOWN_VALUES = 100_000  # of a scan, whose percentile is taken


@dataclass(frozen=True, kw_only=True)
class Upload:
    """An uploaded scan, in memory alone.

    Attributes:
        name: of the file.
        scan: its slices.
        source: whether the file is marked as synthetic.
        black, white: values of the scan that are shown as black and white.
    """

    name: str
    scan: Scan
    source: Source
    black: float
    white: float

    @property
    def count(self) -> int:
        """Number of slices."""
        return len(self.scan.slices)

    @property
    def summary(self) -> str:
        """The scan in a few words."""
        count, height, width = self.scan.slices.shape
        return f"{self.name}: " + (f"{count} slices of " if count > 1 else "") + f"{height}x{width} pixels"

    def place(self, number: float) -> int:
        """The index of a slice that is counted from 1. Raises Refused."""
        if not 1 <= number <= self.count:
            raise Refused(f"slice is {number:g}; this scan has slices 1 to {self.count}")
        return int(number) - 1

    def picture(self, pixels: np.ndarray) -> Pixels:
        """Pixels (H, W) in the units of the scan, in gray."""
        return gray((pixels.astype(np.float64) - self.black) / max(self.white - self.black, 1e-12))


def take_upload(model: Model, path: str | None, *, folder: Path, limits: Limits) -> Upload:
    """Reads an uploaded scan and deletes the file, also if it is refused.

    Args:
        model: whose plane cuts volumes.
        path: of the temporary file; None = nothing was uploaded.
        folder: of uploads; no other file is read or deleted.
        limits: of size.

    Raises:
        Refused: not a scan, a damaged one, or too large a one; in a sentence that names the file alone.
    """
    if path is None:
        raise Refused("no scan is given; upload a NIfTI, DICOM, PNG or JPEG file")
    file = Path(path)
    if not file.parent.resolve().is_relative_to(folder.resolve()):
        raise Refused(f"{file.name}: not an uploaded file")
    try:
        return _read(model, file, limits)
    except UnreadableScan as error:
        raise Refused(f"{file.name}: {error.reason}") from None
    finally:
        file.unlink(missing_ok=True)


def require(upload: Upload | None) -> Upload:
    """The upload. Raises Refused if there is none yet."""
    if upload is None:
        raise Refused("no scan is given; upload a NIfTI, DICOM, PNG or JPEG file")
    return upload


def _read(model: Model, file: Path, limits: Limits) -> Upload:
    found = file.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise Refused(f"{file.name}: not a regular file")
    if found.st_size > limits.upload_bytes:
        size, most = (count / 2**20 for count in (found.st_size, limits.upload_bytes))
        raise Refused(f"{file.name}: {size:.0f} MiB, of which {most:.0f} MiB are allowed")
    format = format_of(file)
    if format not in [FORMATS[name] for name in ACCEPTED]:
        raise Refused(f"{file.name}: not a NIfTI, DICOM, PNG or JPEG file")
    header = format.header(file, plane=model.plane)
    if max(header.height, header.width) > limits.upload_side:
        raise Refused(
            f"{file.name}: its slices are {header.height}x{header.width}; at most {limits.upload_side} "
            "pixels a side are allowed"
        )
    if header.slices * header.height * header.width > limits.upload_pixels:
        raise Refused(
            f"{file.name}: it has {header.slices} slices of {header.height}x{header.width}; at most "
            f"{limits.upload_pixels / 1e6:.0f} million pixels are allowed"
        )
    scan = model.read(file)
    values = scan.slices.reshape(-1)
    values = values[:: max(1, len(values) // SHOWN_VALUES)]
    return Upload(
        name=file.name,
        scan=scan,
        source=source_of(file),
        black=float(values.min()),
        white=float(np.percentile(values, BRIGHTEST)),
    )
