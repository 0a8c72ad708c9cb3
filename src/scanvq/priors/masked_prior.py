"""Abstract base class of masked priors, trained by the objective `masked_codes`."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from scanvq.conditions.condition import Condition
from scanvq.types import CodePrior, Codes, InpaintingSupport


class MaskedPrior(CodePrior):
    """p(masked code | unmasked codes), for every choice of masked cells. No exact likelihood."""

    inpainting_support: ClassVar[InpaintingSupport] = "anything"
    supports_guidance: ClassVar[bool] = True
    objective: ClassVar[str] = "masked_codes"

    @abstractmethod
    def logits(self, codes: Tensor, *, context: Codes = (), condition: Condition | None = None) -> Tensor:
        """Codes (B, h, w), UNKNOWN where masked, to logits (B, K, h, w); use those of masked cells."""
