"""How much of a codebook is used."""

from __future__ import annotations

import torch
from torch import Tensor


class CodeUsage:
    """Counts the codes of one level, batch after batch.

    Args:
        size: codebook size K.
    """

    def __init__(self, size: int) -> None:
        self.counts = torch.zeros(size, dtype=torch.int64)

    def add(self, codes: Tensor) -> None:
        """Counts a batch of codes of any shape.

        Raises:
            ValueError: a code outside 0..K-1.
        """
        size = len(self.counts)
        if codes.numel() == 0:
            return
        low, high = (int(edge) for edge in codes.aminmax())
        if low < 0 or high >= size:
            raise ValueError(f"codes run from {low} to {high}; a codebook of {size} has 0 to {size - 1}")
        self.counts += torch.bincount(codes.flatten(), minlength=size).to(self.counts.device)

    def summary(self) -> dict[str, float]:
        """{"size", "used", "perplexity"}, the form of metrics.json."""
        return {"size": len(self.counts), "used": used(self.counts), "perplexity": perplexity(self.counts)}


def used(counts: Tensor) -> int:
    """The number of codes that occur at all."""
    return int((counts > 0).sum())


def perplexity(counts: Tensor) -> float:
    """exp of the entropy of the codes: 1 when a single code is used, K when all are used equally.

    Higher means that more of the codebook is in use. Zero for no codes at all.
    """
    total = counts.sum()
    if total == 0:
        return 0.0
    share = counts[counts > 0].cpu().double() / float(total)
    return float(torch.exp(-(share * share.log()).sum()))
