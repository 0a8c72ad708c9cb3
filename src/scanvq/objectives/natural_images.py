"""Training of a decoder that gives created images the texture of scans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn
from torch.nn import functional as F

from scanvq.decoders.image_decoder import ImageDecoder, image_noise, image_seeds
from scanvq.metrics.radial_spectrum import log_radial_spectrum
from scanvq.spec import Derived
from scanvq.types import Batch, Codes, Losses, Objective, Tokenizer

_SEED = 2018
COARSE = 4  # pixels to a side of the blocks whose means are compared


class NaturalImages(Objective):
    """Decoded images x with the spectrum of scans, and the gray values of their own scan y.

        l1 |x - y|
        + l1_coarse |x - y| of means over 4 x 4 pixels
        + spectrum |difference of the mean log power of the batch in rings of spatial frequency|

    The errors keep anatomy and gray values; the spectrum, which an error of pixels would smooth, comes from
    noise.

    Args:
        decoder: the decoder in training.
        faithful: the tokenizer of the codes, frozen and in evaluation mode.
        l1: weight of the mean absolute error.
        l1_coarse: weight of the mean absolute error of the block means.
        spectrum: weight of the difference of the mean log power spectrum.
    """

    def __init__(
        self,
        *,
        decoder: Derived[ImageDecoder],
        faithful: Derived[Tokenizer],
        l1: NonNegativeFloat = 0.3,
        l1_coarse: NonNegativeFloat = 2.0,
        spectrum: NonNegativeFloat = 0.1,
    ) -> None:
        super().__init__()
        self.decoder = decoder
        self.weights = {"l1": l1, "l1_coarse": l1_coarse, "spectrum": spectrum}
        self._tokenizer = (faithful,)  # in a tuple: not a part in training, so not in its state

    @property
    def players(self) -> Mapping[str, Iterable[nn.Parameter]]:
        return {"decoder": self.decoder.parameters()}

    def forward(self, batch: Batch, player: str, step: int) -> Losses:
        assert batch.images is not None
        assert batch.codes is not None
        images, created = batch.images, self._created(batch.codes)
        shown = created.clamp(0, 1)
        spectra = log_radial_spectrum(shown) - log_radial_spectrum(images)  # (B, C, rings)
        parts = {
            "l1": (created - images).abs().mean(),
            "l1_coarse": (F.avg_pool2d(shown, COARSE) - F.avg_pool2d(images, COARSE)).abs().mean(),
            "spectrum": spectra.mean(dim=0).abs().mean(),
        }
        total = torch.stack([weight * parts[name] for name, weight in self.weights.items()]).sum()
        parts["loss"] = total
        return Losses(total=total, parts={name: value.detach() for name, value in parts.items()})

    def _created(self, codes: Codes) -> Tensor:
        with torch.no_grad(), torch.autocast(codes[0].device.type, enabled=False):
            vectors = self._tokenizer[0].vectors(codes)
        shapes = self.decoder.noise_shapes(*vectors.shape[-2:])
        if self.training:
            noise = tuple(torch.randn(len(vectors), *shape, device=vectors.device) for shape in shapes)
        else:  # equal in every epoch, so that values are comparable
            seeds = image_seeds(_SEED, len(vectors))
            noise = tuple(part.to(vectors.device) for part in image_noise(shapes, seeds))
        created: Tensor = self.decoder(vectors, noise)
        return created
