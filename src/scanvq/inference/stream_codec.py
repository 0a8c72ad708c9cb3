"""Scans to compressed streams and back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.codec.errors import CodecError
from scanvq.codec.exact_prior import ExactPrior
from scanvq.codec.range_coder import Decoder, Encoder
from scanvq.codec.scan_properties import pack_properties, unpack_properties
from scanvq.codec.stream_header import MODEL_BYTES, Kind, StreamHeader, write_stream
from scanvq.imaging.formats import Scan
from scanvq.imaging.formats.dicom_to_nifti import nifti_header_of
from scanvq.imaging.preparation import Slice
from scanvq.model.model import Model
from scanvq.model.scans import restore_slices

BATCH = 16  # slices of which the prior is computed at once; streams do not depend on it
_PLAIN_MODES = ("L", "I;16")  # which PNG chooses for the type of the pixels
_PNG_TYPES = ("uint8", "uint16")

Steps = Callable[[int], None]
"""Is called with the number of steps that were done."""


class StreamCodec:
    """Scans to streams and back, with the prior of a model in exact arithmetic.

    Args:
        model: with a prior of the kind gated_pixelcnn or pixelcnn.
        batch: slices of which the prior is computed at once.

    Raises:
        CodecError: a prior of another kind. WeightsError: the model has no prior.
    """

    def __init__(self, model: Model, *, batch: int = BATCH) -> None:
        self._model, self._batch = model, batch
        self._prior = ExactPrior(model.prior, model.code_shapes)
        ids = f"{model.id} {model.prior_id}".encode()
        self.id = hashlib.blake2b(ids, digest_size=MODEL_BYTES).digest()

    @property
    def steps_of_slice(self) -> int:
        """Steps of progress of a slice."""
        return self._prior.rows

    def compress(self, scan: Scan, kind: str, *, synthetic: bool = False, steps: Steps) -> bytes:
        """The stream of a scan.

        Args:
            scan: as its format read it.
            kind: of its format, one of FORMATS.
            synthetic: whether it is marked as synthetic.
            steps: is called with the steps done, `steps_of_slice` for each slice.
        """
        codes = self._model.coder.encode(self._model.prepare(scan))
        condition = self._model.prior.with_global_code(tuple(level.to(self._model.device) for level in codes))
        given = {} if condition is None else condition.categories
        encoder = Encoder()
        self._prior.encode(
            encoder,
            [level.numpy() for level in codes],
            {name: values.cpu().numpy() for name, values in given.items()},
            batch=self._batch,
            coded=steps,
        )
        return write_stream(_header(scan, kind, model=self.id, synthetic=synthetic), encoder.finish())

    def decompress(self, header: StreamHeader, payload: bytes, *, steps: Steps) -> Scan:
        """The scan of a stream, for the format `header.kind`.

        Raises:
            CodecError: a stream of another model, or a damaged stream.
        """
        codes = self.codes(header, payload, steps=steps)
        images = self._model.coder.decode(tuple(torch.from_numpy(level) for level in codes))
        pixels = restore_slices(images, _blank_slices(header), self._model.preparation)
        return Scan(slices=pixels, spacing=header.spacing, properties=unpack_properties(header.properties))

    def codes(self, header: StreamHeader, payload: bytes, *, steps: Steps) -> tuple[NDArray[np.int64], ...]:
        """The codes (S, h, w) of every level of a stream, the same on every machine.

        Raises:
            CodecError: a stream of another model, or a damaged stream.
        """
        if header.model != self.id:
            raise CodecError(
                f"it was compressed with model {header.model.hex()}, but this one is {self.id.hex()}; give "
                "the same tokenizer and prior as --model"
            )
        return self._prior.decode(Decoder(payload), header.shape[0], batch=self._batch, coded=steps)


def _header(scan: Scan, kind: str, *, model: bytes, synthetic: bool) -> StreamHeader:
    """The header of the stream of a scan that was read by a format `kind`."""
    count, height, width = scan.slices.shape
    target, properties = _target(scan, kind)
    return StreamHeader(
        model=model,
        kind=target,
        shape=(count, height, width),
        dtype=str(scan.slices.dtype),
        low=float(scan.slices.min()),
        high=float(scan.slices.max()),
        spacing=scan.spacing,
        synthetic=synthetic,
        properties=pack_properties(properties),
    )


def _target(scan: Scan, kind: str) -> tuple[Kind, dict[str, Any]]:
    """The kind of file that a scan is decompressed to, and the properties of that kind."""
    own = scan.properties
    if kind == "png":
        return "png", {name: own[name] for name in own if name != "mode" or own[name] not in _PLAIN_MODES}
    if kind == "nifti":
        return "nifti", {name: own[name] for name in ("head", "plane")}
    if kind == "dicom" and (head := nifti_header_of(scan)) is not None:
        return "nifti", {"head": head, "plane": own["plane"]}
    is_picture = len(scan.slices) == 1 and str(scan.slices.dtype) in _PNG_TYPES and scan.spacing is None
    return ("png" if is_picture else "nifti"), {}


def _blank_slices(header: StreamHeader) -> list[Slice]:
    """Slices with the size, type and range of the scan."""
    count, height, width = header.shape
    pixels = np.full((height, width), header.low).astype(header.dtype)
    blank = Slice(pixels=pixels, file_low=header.low, file_high=header.high, spacing=header.spacing)
    return [blank] * count
