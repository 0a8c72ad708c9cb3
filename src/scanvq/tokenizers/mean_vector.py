"""The mean of a level's code vectors: what stands in for a level that is left out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scanvq.quantizers.distributed import summed

_SLOWEST = 0.01  # share of a new batch once the mean has settled


class MeanVector(nn.Module):
    """The running mean of the vectors that a level's codes stand for, over all processes.

    The plain mean of the batches at first, then a moving average, since the codebook moves on.
    """

    def __init__(self, dim: int) -> None:
        """
        Args:
            dim: length of a vector, D.
        """
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("batches", torch.tensor(0.0))

    mean: Tensor
    batches: Tensor

    @torch.no_grad()
    def follow(self, vectors: Tensor) -> None:
        """Takes the vectors (B, D, h, w) of one training batch in; does nothing in eval mode."""
        if not self.training:
            return
        rows = vectors.float()
        count = torch.full((1,), float(rows[:, 0].numel()), device=rows.device)
        batch = summed(torch.cat([rows.sum((0, 2, 3)), count]))  # (D + 1,)
        some = (batch[-1] > 0).float()
        self.batches.add_(some)
        share = some / self.batches.clamp(1, 1 / _SLOWEST)
        self.mean.lerp_(batch[:-1] / batch[-1].clamp_min(1), share)
