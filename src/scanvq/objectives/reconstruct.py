"""Reconstruction, codebook and commitment losses, for tokenizers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn
from torch.nn import functional as F

from scanvq.metrics.ssim import ssim
from scanvq.spec import Derived
from scanvq.types import Batch, Losses, Objective, Tokenizer

SSIM_IMAGES = 1  # images of a training step whose SSIM is logged if SSIM is not part of the loss


class Reconstruct(Objective):
    """A weighted sum of reconstruction losses, plus codebook and commitment (arXiv 1711.00937, eq. 3).

    Args:
        tokenizer: the network in training.
        variance: of the training set's intensities, in [0, 1] units squared.
        mse: weight of the mean squared error.
        mse_over_variance: weight of the mean squared error divided by `variance`.
        l1: weight of the mean absolute error.
        bce: weight of the binary cross-entropy in nats, the reconstruction clamped into (0, 1).
        ssim: weight of 1 - SSIM.
    """

    def __init__(
        self,
        *,
        tokenizer: Derived[Tokenizer],
        variance: Derived[float] = 1.0,
        mse: NonNegativeFloat = 0.0,
        mse_over_variance: NonNegativeFloat = 0.0,
        l1: NonNegativeFloat = 0.0,
        bce: NonNegativeFloat = 0.0,
        ssim: NonNegativeFloat = 0.0,
    ) -> None:
        super().__init__()
        if mse + mse_over_variance + l1 + bce + ssim == 0:
            raise ValueError(
                "every reconstruction weight is 0; set one of mse, mse_over_variance, l1, bce, ssim, "
                "for example --set training.tokenizer.objective.mse=1"
            )
        self.tokenizer = tokenizer
        self.variance = variance
        self.weights = {
            name: weight
            for name, weight in {
                "mse": mse,
                "mse_over_variance": mse_over_variance,
                "l1": l1,
                "bce": bce,
                "ssim": ssim,
            }.items()
            if weight > 0
        }

    @property
    def players(self) -> Mapping[str, Iterable[nn.Parameter]]:
        return {"tokenizer": self.tokenizer.parameters()}

    def forward(self, batch: Batch, player: str, step: int) -> Losses:
        assert batch.images is not None
        result = self.tokenizer(batch.images)
        images = result.images.float()
        reconstruction, parts = self._reconstruction(images, batch.images.float())
        total = reconstruction + sum(result.losses.values())
        parts = {"loss": total, "reconstruction": reconstruction, **parts, **result.losses}
        return Losses(
            total=total,
            parts={name: value.detach() for name, value in parts.items()},
            counts=tuple(
                torch.bincount(codes.flatten(), minlength=size)
                for codes, size in zip(result.codes, self.tokenizer.codebook_sizes, strict=True)
            ),
        )

    def _reconstruction(self, images: Tensor, targets: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum, and the parts to log."""
        total = images.new_zeros(())
        parts: dict[str, Tensor] = {}
        for name, weight in self.weights.items():
            value = self._loss(name, images, targets)
            total = total + weight * value
            if name == "ssim":
                parts["ssim"] = 1 - value
            elif len(self.weights) > 1:
                parts[name] = value
        if "ssim" not in parts:
            logged = slice(SSIM_IMAGES) if self.training else slice(None)
            with torch.no_grad():
                parts["ssim"] = ssim(images[logged].clamp(0, 1), targets[logged]).mean()
        return total, parts

    def _loss(self, name: str, images: Tensor, targets: Tensor) -> Tensor:
        match name:
            case "mse":
                return F.mse_loss(images, targets)
            case "mse_over_variance":
                return F.mse_loss(images, targets) / self.variance
            case "l1":
                return F.l1_loss(images, targets)
            case "bce":
                return F.binary_cross_entropy(images.clamp(1e-4, 1 - 1e-4), targets)
            case _:
                return 1 - ssim(images, targets).mean()
