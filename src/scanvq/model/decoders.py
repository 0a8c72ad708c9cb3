"""Decoding of created images: samples and completions."""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor

from scanvq.decoders.image_decoder import DecoderName, ImageDecoder, image_noise, image_seeds
from scanvq.model.coder import BATCH, Coder
from scanvq.model.source import ModelSource
from scanvq.types import Codes


class Decoders:
    """The two decoders of created images.

    "faithful" is the decoder of the tokenizer. "natural" invents the texture that the tokenizer leaves out;
    it is for created images alone, never for reconstructions, compression or their scores.

    Args:
        source: of the model; the natural decoder is read when it is first needed.
        coder: of the tokenizer.
    """

    def __init__(self, source: ModelSource, coder: Coder) -> None:
        self._source, self._coder = source, coder
        self._natural: ImageDecoder | None = None

    @property
    def names(self) -> tuple[DecoderName, ...]:
        """The decoders of the model, the default first."""
        return ("natural", "faithful") if self._source.has_decoder else ("faithful",)

    def decoder_of(self, requested: str | None = None) -> DecoderName:
        """The decoder to use; None = natural where the model has one.

        Raises:
            ValueError: a name that does not exist, or a decoder that the model does not have.
        """
        names: tuple[DecoderName, ...] = get_args(DecoderName)
        if requested is None:
            requested = self.names[0]
        chosen = next((name for name in names if name == requested), None)
        if chosen is None:
            raise ValueError(f"decoder is {requested!r}; use {' or '.join(names)}")
        if chosen not in self.names:
            raise ValueError(
                "decoder is natural, but this model has only the faithful decoder of its tokenizer; use "
                "faithful, or train one: `scanvq fit --tokenizer RUN --set decoder.kind=natural`"
            )
        return chosen

    def decode(self, codes: Codes, *, decoder: str | None = None, seed: int) -> Tensor:
        """Sampled codes to images (n, 1, H, W) on the CPU, in [0, 1].

        Args:
            codes: (n, h, w) of every level.
            decoder: see `decoder_of`.
            seed: of the texture; that of image i depends on the seed and on i alone.

        Raises:
            ValueError: see `decoder_of`. WeightsError: the decoder is damaged, or of another tokenizer.
        """
        if self.decoder_of(decoder) == "faithful":
            return self._coder.decode(codes)
        return decode_with_texture(self._coder, self.natural, codes, seed=seed)

    @property
    def natural(self) -> ImageDecoder:
        """The natural decoder in evaluation mode. Raises WeightsError if none fits."""
        if self._natural is None:
            self._natural = self._source.load_decoder()[0].to(self._coder.device)
        return self._natural


def decode_with_texture(coder: Coder, decoder: ImageDecoder, codes: Codes, *, seed: int) -> Tensor:
    """Codes to images (n, 1, H, W) on the CPU, clamped to [0, 1], with texture from `decoder`.

    Image i depends on its codes, the seed and i alone: batches are padded to a fixed size, because the
    rounding of convolutions depends on it, and each image has noise of its own.

    Args:
        coder: of the tokenizer.
        decoder: in evaluation mode, on the device of the coder.
        codes: (n, h, w) of every level.
        seed: of the noise.
    """
    count = len(codes[0])
    if not count:
        return coder.decode(codes)
    missing = -count % BATCH
    padded = tuple(torch.cat([grid, grid[-1:].expand(missing, *grid.shape[1:])]) for grid in codes)
    seeds = image_seeds(seed, count + missing)
    images = []
    for start in range(0, count, BATCH):
        vectors = coder.vectors(tuple(grid[start : start + BATCH] for grid in padded))
        noise = image_noise(decoder.noise_shapes(*vectors.shape[-2:]), seeds[start : start + BATCH])
        with torch.no_grad(), torch.autocast(coder.device.type, enabled=False):
            decoded = decoder(vectors, tuple(part.to(coder.device) for part in noise))
        images.append(decoded.float().clamp(0, 1).cpu())
    return torch.cat(images)[:count]
