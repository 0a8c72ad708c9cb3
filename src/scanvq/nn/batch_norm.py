"""Batch normalization synchronized over all processes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F


class BatchNorm(nn.Module):
    """Batch normalization (arXiv 1502.03167) that does not depend on how the batch is distributed.

    On a single process it equals `torch.nn.BatchNorm2d`; on several, on CPU and GPU, the results are those
    of a single process with the whole batch.
    """

    def __init__(
        self, channels: int, *, epsilon: float = 1e-5, momentum: float = 0.1, running: bool = True
    ) -> None:
        """
        Args:
            channels: C.
            epsilon: added to the variance.
            momentum: weight of a batch in the running statistics.
            running: use running statistics in evaluation; if False, evaluation uses the statistics of the
                batch of each process.
        """
        super().__init__()
        self.epsilon = epsilon
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels) if running else None)
        self.register_buffer("running_var", torch.ones(channels) if running else None)

    running_mean: Tensor | None
    running_var: Tensor | None

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, h, w)."""
        if self.training and dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            return self._normalize_synchronized(features)
        return F.batch_norm(
            features,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=self.training or self.running_mean is None,
            momentum=self.momentum,
            eps=self.epsilon,
        )

    def _normalize_synchronized(self, features: Tensor) -> Tensor:
        """Two differentiable reductions, first of means, then of squared deviations (no cancellation)."""
        values = features.float()
        channels = values.shape[1]
        count = values.new_tensor([values.numel() / channels])
        reduced = _sum_over_processes(torch.cat([values.sum((0, 2, 3)), count]))
        total = reduced[channels].detach()
        mean = reduced[:channels] / total  # (C,)
        centered = values - mean.view(1, -1, 1, 1)
        variance = _sum_over_processes(centered.square().sum((0, 2, 3))) / total  # (C,)
        if self.running_mean is not None and self.running_var is not None:
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance * total / (total - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.epsilon)
        normalized = centered * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        return normalized.to(features.dtype)


class _SumOverProcesses(torch.autograd.Function):
    """Sum over processes; each tensor contributes to every process's loss, so gradients are summed, too."""

    @staticmethod
    def forward(ctx: object, tensor: Tensor) -> Tensor:
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def _sum_over_processes(tensor: Tensor) -> Tensor:
    total: Tensor = _SumOverProcesses.apply(tensor)
    return total
