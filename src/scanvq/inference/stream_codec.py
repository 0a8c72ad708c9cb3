"""Scans to compressed streams and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.codec.bounded_error import BoundedError
from scanvq.codec.errors import CodecError
from scanvq.codec.exact_decoder import ExactDecoder
from scanvq.codec.exact_prior import ExactPrior
from scanvq.codec.range_coder import Decoder, Encoder
from scanvq.codec.residual import ResidualCoder
from scanvq.codec.scan_properties import pack_properties, unpack_properties
from scanvq.codec.stream_header import Kind, StreamHeader, write_stream
from scanvq.imaging.formats import Scan
from scanvq.imaging.formats.dicom_to_nifti import nifti_header_of
from scanvq.imaging.preparation import Slice
from scanvq.model.model import Model
from scanvq.model.scans import restore_slices
from scanvq.storage.weights import content_id

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
        self._decoder: ExactDecoder | None = None  # made for the first residual
        self._prior = ExactPrior(model.prior, model.code_shapes)
        self.id = _digest(model)

    @property
    def steps_of_slice(self) -> int:
        """Steps of progress of a slice."""
        return self._prior.rows

    def compress(
        self,
        scan: Scan,
        kind: str,
        *,
        max_error: float | None = None,
        synthetic: bool = False,
        steps: Steps,
    ) -> bytes:
        """The stream of a scan.

        Args:
            scan: as its format read it.
            kind: of its format, one of FORMATS.
            max_error: the largest error of a decompressed pixel in the units of the file; None = codes only.
            synthetic: whether it is marked as synthetic.
            steps: is called with the steps done, `steps_of_slice` for each slice.

        Raises:
            CodecError: a largest error that cannot be kept for this scan or with this tokenizer.
        """
        header = _header(scan, kind, model=self.id, synthetic=synthetic)
        if max_error is not None:
            self._check_exact(scan)
            bound = _bound(header, max_error)
            header = replace(header, max_error=bound.max_error)
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
        if max_error is not None:
            coder = ResidualCoder(encoder)
            for pixels, predicted in zip(scan.slices, self._predicted(header, codes[0].numpy()), strict=True):
                coder.code(bound.residual(pixels, predicted), bound.gradient(predicted))
        return write_stream(header, encoder.finish())

    def decompress(self, header: StreamHeader, payload: bytes, *, steps: Steps) -> Scan:
        """The scan of a stream, for the format `header.kind`.

        Raises:
            CodecError: a stream of another model, or a damaged stream.
        """
        decoder = Decoder(payload)
        codes = self._codes(header, decoder, steps=steps)
        if header.max_error is None:
            images = self._model.coder.decode(tuple(torch.from_numpy(level) for level in codes))
            pixels = restore_slices(images, _blank_slices(header), self._model.preparation)
        else:
            bound, coder = _bound(header, header.max_error), ResidualCoder(decoder)
            blank = np.zeros(header.shape[1:], np.int64)
            pixels = np.stack(
                [
                    bound.pixels(predicted, coder.code(blank, bound.gradient(predicted)))
                    for predicted in self._predicted(header, codes[0])
                ]
            )
        return Scan(slices=pixels, spacing=header.spacing, properties=unpack_properties(header.properties))

    def codes(self, header: StreamHeader, payload: bytes, *, steps: Steps) -> tuple[NDArray[np.int64], ...]:
        """The codes (S, h, w) of every level of a stream, the same on every machine.

        Raises:
            CodecError: a stream of another model, or a damaged stream.
        """
        return self._codes(header, Decoder(payload), steps=steps)

    def _codes(
        self, header: StreamHeader, decoder: Decoder, *, steps: Steps
    ) -> tuple[NDArray[np.int64], ...]:
        if header.model != self.id:
            raise CodecError(
                f"it was compressed with model {header.model.hex()}, but this one is {self.id.hex()}; give "
                "the same tokenizer and prior as --model"
            )
        return self._prior.decode(decoder, header.shape[0], batch=self._batch, coded=steps)

    def _check_exact(self, scan: Scan) -> None:
        """Raises CodecError for a scan whose file or preparation rounds pixels."""
        _, height, width = scan.slices.shape
        if self._model.preparation.geometry.resamples((height, width), scan.spacing):
            raise CodecError(
                f"its slices of {height}x{width} are resampled for this model, so a largest error cannot be "
                "kept; compress it without, or with a model of its own size"
            )
        if "voxels" in scan.properties:
            raise CodecError(
                "its voxels are stored scaled or as 64-bit numbers, so a largest error cannot be kept; "
                "compress it without, or convert it to integers or 32-bit numbers"
            )

    def _predicted(self, header: StreamHeader, codes: NDArray[np.int64]) -> Iterator[NDArray[Any]]:
        """Each slice (H, W) of the scan as its codes predict it, the same on every machine."""
        if self._decoder is None:
            self._decoder = ExactDecoder(self._model.tokenizer)
        for grid, blank in zip(codes, _blank_slices(header), strict=True):
            yield self._model.preparation.undo(self._decoder.decode(grid[None])[0], blank).pixels


def _bound(header: StreamHeader, max_error: float) -> BoundedError:
    return BoundedError(max_error, dtype=header.dtype, low=header.low, high=header.high)


def _digest(model: Model) -> bytes:
    """8 bytes that change with any weight of tokenizer and prior, and with the preparation.

    The ids in the headers of weights files would not tell of weights that were damaged since.
    """
    parts = {"tokenizer": model.tokenizer, "prior": model.prior}
    tensors = {
        f"{part}.{name}": value
        for part, module in parts.items()
        for name, value in module.state_dict().items()
    }
    return bytes.fromhex(content_id({"preparation": model.preparation.to_dict()}, tensors))


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
