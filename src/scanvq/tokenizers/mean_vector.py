"""The mean code vector of a level: the replacement of a level that is left out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scanvq.quantizers.distributed import summed

_MIN_SHARE = 0.01  # of a new batch in the moving average


class MeanVector(nn.Module):
    """The running mean of the code vectors of a level, over all processes.

    The mean of all batches at first, then a moving average, since the codebook changes.
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
    def update(self, vectors: Tensor) -> None:
        """Updates the mean with the vectors (B, D, h, w) of a training batch; does nothing in eval mode."""
        if not self.training:
            return
        rows = vectors.float()
        count = torch.full((1,), float(rows[:, 0].numel()), device=rows.device)
        batch = summed(torch.cat([rows.sum((0, 2, 3)), count]))  # (D + 1,)
        nonempty = (batch[-1] > 0).float()
        self.batches.add_(nonempty)
        share = nonempty / self.batches.clamp(1, 1 / _MIN_SHARE)
        self.mean.lerp_(batch[:-1] / batch[-1].clamp_min(1), share)
