"""Adversarial training of a decoder that adds texture to reconstructions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from scanvq.decoders.image_decoder import ImageDecoder, image_noise, image_seeds
from scanvq.metrics.radial_spectrum import log_radial_spectrum
from scanvq.metrics.texture_energy import texture_error
from scanvq.nn.frozen import frozen
from scanvq.nn.patch_discriminator import PatchDiscriminator
from scanvq.spec import Derived
from scanvq.types import Batch, Codes, Losses, Objective, Tokenizer

_SEED = 2018
COARSE = 4  # pixels to a side of the blocks whose means are compared
GAIN = 8.0  # of the residual as the critic sees it: about the range of the image


class NaturalImages(Objective):
    """Decoded images that a patch critic takes for scans, and that keep the gray values of their own scan.

    Each player's turn, with f the image of the tokenizer's decoder, which is frozen, and y the scan:

        critic    mean max(0, 1 - D(y, y - f)) + mean max(0, 1 + D(x, x - f))
        decoder   adversarial mean max(0, 1 - D(x, x - f))
                  + l1 |x - y| + l1_coarse |x - y| of means over 4 x 4 pixels
                  + spectrum |difference of the mean log power in rings of spatial frequency|
                  + spectrum_of_each |difference of the log power of each image|
                  + texture |difference of the strength of texture, see `texture_energies`|

    The hinge loss is that of arXiv 1705.02894, bounded for the decoder too: patches that the critic takes for
    real are left alone, which is steadier. The critic sees what was added to f, so that real and created
    residuals are compared given the same content.

    Args:
        decoder: the decoder in training.
        faithful: the tokenizer of the codes, frozen and in evaluation mode.
        l1: weight of the mean absolute error.
        l1_coarse: weight of the mean absolute error of the block means.
        spectrum: weight of the difference of the mean log power spectrum.
        spectrum_of_each: weight of the same for each image.
        texture: weight of the difference of local texture energies.
        adversarial: weight of the hinge loss.
        critic_channels: width of the critic after each downsampling.
    """

    def __init__(
        self,
        *,
        decoder: Derived[ImageDecoder],
        faithful: Derived[Tokenizer],
        l1: NonNegativeFloat = 0.3,
        l1_coarse: NonNegativeFloat = 2.0,
        spectrum: NonNegativeFloat = 0.05,
        spectrum_of_each: NonNegativeFloat = 0.05,
        texture: NonNegativeFloat = 4.0,
        adversarial: NonNegativeFloat = 0.01,
        critic_channels: tuple[PositiveInt, ...] = (16, 32, 64),
    ) -> None:
        super().__init__()
        self.decoder = decoder
        self.critic = PatchDiscriminator(image_channels=2, channels=critic_channels)
        self.adversarial = adversarial
        self.weights = {
            "l1": l1,
            "l1_coarse": l1_coarse,
            "spectrum": spectrum,
            "spectrum_of_each": spectrum_of_each,
            "texture": texture,
        }
        self._tokenizer = (faithful,)  # in a tuple: not a part in training, so not in its state
        self._decoded: tuple[Codes, Tensor] | None = None

    @property
    def players(self) -> Mapping[str, Iterable[nn.Parameter]]:
        return {"critic": self.critic.parameters(), "decoder": self.decoder.parameters()}

    def forward(self, batch: Batch, player: str, step: int) -> Losses:
        assert batch.images is not None
        assert batch.codes is not None
        faithful = self._faithful(batch.codes)  # (B, C, H, W)
        if player == "critic":
            return self._critic_loss(batch.images, faithful)
        return self._decoder_loss(batch.images, faithful)

    def _critic_loss(self, images: Tensor, faithful: Tensor) -> Losses:
        with torch.no_grad():
            created = self._created(faithful).clamp(0, 1)
        real, fake = self._logits(images, faithful), self._logits(created, faithful)
        total = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        parts = {
            "critic_loss": total,
            "critic_real": (real > 0).float().mean(),
            "critic_fake": (fake <= 0).float().mean(),
        }
        return Losses(total=total, parts={name: value.detach() for name, value in parts.items()})

    def _decoder_loss(self, images: Tensor, faithful: Tensor) -> Losses:
        created = self._created(faithful)
        shown = created.clamp(0, 1)
        spectra = log_radial_spectrum(shown) - log_radial_spectrum(images)  # (B, C, rings)
        parts = {
            "l1": (created - images).abs().mean(),
            "l1_coarse": (F.avg_pool2d(shown, COARSE) - F.avg_pool2d(images, COARSE)).abs().mean(),
            "spectrum": spectra.mean(dim=0).abs().mean(),
            "spectrum_of_each": spectra.abs().mean(),
            "texture": texture_error(shown, images),
        }
        with frozen(self.critic):
            detected = F.relu(1 - self._logits(shown, faithful)).mean()
        total = self.adversarial * detected
        for name, weight in self.weights.items():
            total = total + weight * parts[name]
        parts["decoder_loss"] = total
        return Losses(total=total, parts={name: value.detach() for name, value in parts.items()})

    def _logits(self, images: Tensor, faithful: Tensor) -> Tensor:
        logits: Tensor = self.critic(torch.cat([images, GAIN * (images - faithful)], dim=1))
        return logits

    def _created(self, faithful: Tensor) -> Tensor:
        shapes = self.decoder.noise_shapes(*faithful.shape[-2:])
        if self.training:
            noise = tuple(torch.randn(len(faithful), *shape, device=faithful.device) for shape in shapes)
        else:  # equal in every epoch, so that values are comparable
            seeds = image_seeds(_SEED, len(faithful))
            noise = tuple(part.to(faithful.device) for part in image_noise(shapes, seeds))
        created: Tensor = self.decoder(faithful, noise)
        return created

    @torch.no_grad()
    def _faithful(self, codes: Codes) -> Tensor:
        """The images of the frozen decoder; computed once for both players."""
        if self._decoded is None or self._decoded[0] is not codes:
            with torch.autocast(codes[0].device.type, enabled=False):
                self._decoded = codes, self._tokenizer[0].decode(codes).clamp(0, 1)
        return self._decoded[1]
