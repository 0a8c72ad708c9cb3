"""Quantizer with a codebook of exponential moving averages (EMA) of features."""

from __future__ import annotations

import torch
from torch import Tensor

from scanvq.kernels.nearest_lookup import look_up_nearest
from scanvq.quantizers.distributed import (
    check_finite,
    generator_at,
    initial_rows,
    row_offset,
    rows_at,
    summed,
)
from scanvq.quantizers.feature_rows import Gradient, check_sizes, grid_of, look_up, rotated, rows_of
from scanvq.types import Codes, Quantized, Quantizer

_CANDIDATES = 4  # candidate rows for each dead code; the one with the largest quantization error is used


class MovingAverageQuantizer(Quantizer):
    """Nearest neighbor in a codebook of moving averages (arXiv 1711.00937, appendix A.1).

    The codebook is initialized from features of the first training batch. A dead code restarts, with its
    running sums, at the feature with the largest quantization error of a few random features of the batch
    (so rarely in the background, which a single code represents). A code is dead if its moving average of
    counts falls below that of a uniform share of a batch (N / K features) after `restart_after` steps
    without any feature.

    Statistics and restarts use the batches of all processes. Random choices depend on the number of steps
    only, which is saved with the codebook, so training resumes exactly.
    """

    def __init__(
        self,
        *,
        codebook_size: int = 512,
        code_dim: int = 64,
        commitment: float = 0.25,
        decay: float = 0.99,
        epsilon: float = 1e-5,
        restart_after: int = 10,
        gradient: Gradient = "straight_through",
    ) -> None:
        """
        Args:
            codebook_size: number of codes K.
            code_dim: length of a code's vector D, equal to the number of output channels of the encoder.
            commitment: weight beta of the loss that keeps features near their codes.
            decay: share of the running sums kept at each step, gamma in the paper; in [0, 1).
            epsilon: Laplace smoothing of the counts.
            restart_after: steps without features after which a code restarts; 0 = never.
            gradient: gradient estimator: straight_through, or rotation (the rotation trick, arXiv
                2410.06424).

        Raises:
            ValueError: no codes, a decay outside [0, 1), or a negative restart_after.
        """
        super().__init__()
        check_sizes(codebook_size, code_dim)
        if not 0 <= decay < 1:
            raise ValueError(f"decay is {decay}; it must be at least 0 and below 1")
        if restart_after < 0:
            raise ValueError(f"restart_after is {restart_after}; it must be 0 (never) or more steps")
        self.codebook_sizes = (codebook_size,)
        self.dim = code_dim
        self.commitment = commitment
        self.decay = decay
        self.epsilon = epsilon
        self.restart_after = restart_after
        self.gradient: Gradient = gradient
        bound = 1 / codebook_size
        codebook = torch.empty(codebook_size, code_dim).uniform_(-bound, bound)
        self.register_buffer("codebook", codebook)
        self.register_buffer("counts", torch.ones(codebook_size))
        self.register_buffer("sums", codebook.clone())
        self.register_buffer("steps", torch.tensor(0))
        self._steps_read: int | None = None
        self.register_load_state_dict_post_hook(_read_steps_again)

    commitment: float
    decay: float
    codebook: Tensor
    counts: Tensor
    sums: Tensor
    steps: Tensor

    def forward(self, features: Tensor) -> Quantized:
        """Features (B, D, h, w) to vectors and codes. Raises ValueError for another number of channels."""
        rows = rows_of(features, self.dim)  # (N, D)
        updates = self.training and (self._step() > 0 or self._initialize(rows.detach()))
        # A copy: the codebook changes before the backward pass.
        vectors, codes, errors, _ = look_up_nearest(rows, self.codebook.clone())
        if updates:
            self._update(rows.detach(), codes, errors.detach())
        grid = grid_of(vectors, features)
        if self.gradient == "rotation":
            grid = rotated(features, grid.detach())
        batch, _, height, width = features.shape
        return Quantized(
            vectors=grid,  # (B, D, h, w)
            codes=(codes.view(batch, height, width),),
            losses={"commitment": self.commitment * errors.sum() / max(rows.numel(), 1)},
        )

    def embed(self, codes: Codes) -> Tensor:
        """Codes ((B, h, w),) to vectors (B, D, h, w)."""
        (grid,) = codes
        return look_up(self.codebook, grid)

    @torch.no_grad()
    def restart(self, codes: Tensor) -> int:
        """Resets the running sums of codes (K,) bool: codes without features restart at the next step.

        Returns the number of codes; 0 if `restart_after` is 0 (never).
        """
        if self.restart_after == 0 or self._step() == 0:
            return 0
        self.counts.masked_fill_(codes, 0)
        self.sums.masked_fill_(codes[:, None], 0)
        return int(codes.sum())

    def _step(self) -> int:
        """Number of training steps, cached outside the buffer to avoid a GPU synchronization at each step."""
        if self._steps_read is None:
            self._steps_read = int(self.steps)
        return self._steps_read

    @torch.no_grad()
    def _initialize(self, rows: Tensor) -> bool:
        """Initializes the codebook from data; False for an empty batch."""
        initial = initial_rows(rows, len(self.codebook))
        if initial is None:
            return False
        _, total = row_offset(rows)
        self.codebook.copy_(initial)
        self.counts.copy_(self._fresh(total))
        self.sums.copy_(initial * self.counts[:, None])
        return True

    def _fresh(self, total: Tensor) -> Tensor:
        """The moving average of counts of a code with a uniform share of the first batch."""
        return (1 - self.decay) * total / len(self.codebook)

    @torch.no_grad()
    def _update(self, rows: Tensor, codes: Tensor, errors: Tensor) -> None:
        """One step of equations 6 to 8, then the restarts."""
        step, size = self._step(), len(self.codebook)
        counts = torch.bincount(codes, minlength=size).to(self.counts.dtype)  # (K,)
        sums = torch.zeros_like(self.codebook).index_add_(0, codes, rows.float())  # (K, D)
        batch = summed(torch.cat([counts[:, None], sums], dim=1))  # (K, 1 + D)
        if batch.device.type == "cpu":  # on a GPU the check would wait for the device
            check_finite(batch)
        self.counts.mul_(self.decay).add_(batch[:, 0], alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(batch[:, 1:], alpha=1 - self.decay)
        total = self.counts.sum()
        smoothed = (self.counts + self.epsilon) / (total + size * self.epsilon) * total
        self.codebook.copy_(self.sums / smoothed[:, None])
        if self.restart_after > 0:
            self._restart(rows, errors, step)
        self.steps.fill_(step + 1)
        self._steps_read = step + 1

    def _restart(self, rows: Tensor, errors: Tensor, step: int) -> None:
        """Moves dead codes to rows of this batch. Computed for all codes: no host synchronization."""
        first, total = row_offset(rows)
        fresh = self._fresh(total)
        dead = self.counts < fresh * self.decay**self.restart_after  # (K,)
        uniform = torch.rand(
            _CANDIDATES, len(self.codebook), dtype=torch.float64, generator=generator_at(step)
        )
        candidates = (uniform.to(total.device) * total).long().to(rows.device)  # (candidates, K)
        worst = rows_at(errors, candidates.flatten(), first).view_as(candidates).argmax(0, keepdim=True)
        replacement = rows_at(rows, candidates.gather(0, worst)[0], first)  # (K, D)
        self.counts.copy_(torch.where(dead, fresh, self.counts))
        self.codebook.copy_(torch.where(dead[:, None], replacement, self.codebook))
        self.sums.copy_(torch.where(dead[:, None], replacement * self.counts[:, None], self.sums))


def _read_steps_again(module: MovingAverageQuantizer, _: object) -> None:
    module._steps_read = None
