"""Abstract base class of GAN priors, trained by the objective `adversarial_codes`."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from scanvq.types import CodePrior, InpaintingSupport


class AdversarialPrior(CodePrior):
    """A generator of maps of code vectors, and a discriminator of real and generated maps.

    Attributes:
        noise_dim: Z, dimensions of the standard normal noise.
        generator: noise (B, Z) and a condition or None to maps (B, D, h, w).
        critic: the discriminator: maps (B, D, h, w) and a condition or None to logits (B,), above 0 for real.
    """

    inpainting_support: ClassVar[InpaintingSupport] = "nothing"
    supports_top_p: ClassVar[bool] = False
    objective: ClassVar[str] = "adversarial_codes"
    noise_dim: int
    generator: nn.Module
    critic: nn.Module

    @abstractmethod
    def maps(self, codes: Tensor) -> Tensor:
        """Codes (B, h, w) to real maps (B, D, h, w), the input of the discriminator."""
