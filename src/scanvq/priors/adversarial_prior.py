"""What every prior that a critic judges offers, and the objective `adversarial_codes` trains."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from scanvq.types import CodePrior, InpaintingSupport


class AdversarialPrior(CodePrior):
    """A generator of maps of code vectors, and the critic that tells them from those of real codes.

    Attributes:
        noise_dim: Z, numbers of standard normal noise that a map is made of.
        generator: noise (B, Z) and a condition or None to maps (B, D, h, w).
        critic: maps (B, D, h, w) and a condition or None to scores (B,), above 0 for real.
    """

    inpainting_support: ClassVar[InpaintingSupport] = "nothing"
    noise_dim: int
    generator: nn.Module
    critic: nn.Module

    @abstractmethod
    def maps(self, codes: Tensor) -> Tensor:
        """Codes (B, h, w) as maps (B, D, h, w): what the critic takes for real."""
