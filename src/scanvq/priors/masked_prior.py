"""What every prior that predicts masked codes offers, and the objective `masked_codes` trains."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from scanvq.conditions.condition import Condition
from scanvq.types import CodePrior, Codes, InpaintingSupport


class MaskedPrior(CodePrior):
    """p(a masked cell | the cells that are not), for every choice of masked cells. No exact likelihood."""

    inpainting_support: ClassVar[InpaintingSupport] = "anything"

    @abstractmethod
    def logits(self, codes: Tensor, *, context: Codes = (), condition: Condition | None = None) -> Tensor:
        """Codes (B, h, w), UNKNOWN where masked, to logits (B, K, h, w), meant for masked cells."""
