"""Cross-entropy of masked codes given the unmasked ones, for masked priors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from scanvq.conditions.dropout import drop_conditions
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.masked_prior import MaskedPrior
from scanvq.spec import Derived, Share
from scanvq.types import UNKNOWN, Batch, Losses, Objective

_SEED = 2202_04200
_GOLDEN = (math.sqrt(5) - 1) / 2


class MaskedCodes(Objective):
    """Bits per masked code, over the masked codes of all levels (MaskGIT, arXiv 2202.04200, equation 1).

    In each image, ceil(n cos(pi u / 2)) of n codes are masked at random, with u uniform in [0, 1) (sections
    3.1 and 3.3). A finer level is conditional on all codes of the coarser levels.

    In evaluation the masks are fixed, with evenly spaced u, and no conditions are dropped, so that values of
    different epochs are comparable. They are neither a likelihood nor a bound of it.

    Args:
        prior: the prior in training; each level is a masked prior such as `maskgit`.
        label_smoothing: share of the target that is spread evenly over all K codes. The paper uses 0.1, but
            the network then gives this share to random codes, which sampling in Halton order, unlike in order
            of confidence, does not reject.
        condition_dropout: share of the images from which a condition is dropped, independently for each
            condition, so that the prior also learns the distribution without it (arXiv 2207.12598,
            section 3.2).

    Raises:
        ValueError: a level that is not a masked prior.
    """

    criterion: ClassVar[str | None] = "bits_per_masked_code"

    def __init__(
        self,
        *,
        prior: Derived[HierarchicalPrior],
        label_smoothing: Share = 0.0,
        condition_dropout: Share = 0.1,
    ) -> None:
        super().__init__()
        if not all(isinstance(level, MaskedPrior) for level in prior.priors):
            kinds = ", ".join(type(level).__name__ for level in prior.priors)
            raise ValueError(
                f"masked_codes trains masked priors, but prior has {kinds}; "
                'set prior.kind = "maskgit" (for kind hierarchical, of each of prior.levels), '
                "or another training.prior.objective.kind"
            )
        self.prior = prior
        self.label_smoothing = label_smoothing
        self.condition_dropout = condition_dropout

    @property
    def players(self) -> Mapping[str, Iterable[nn.Parameter]]:
        return {"prior": self.prior.parameters()}

    def forward(self, batch: Batch, player: str, step: int) -> Losses:
        assert batch.codes is not None
        generator = None if self.training else torch.Generator().manual_seed(_SEED)
        condition = batch.condition
        if self.training:
            condition = drop_conditions(condition, self.prior.conditions, self.condition_dropout)
        total = batch.codes[0].new_zeros((), dtype=torch.float32)
        bits, masked = total, 0
        parts: dict[str, Tensor] = {}
        for number, (level, codes) in enumerate(zip(self.prior.priors, batch.codes, strict=True)):
            assert isinstance(level, MaskedPrior)
            mask = self._mask(codes, generator)
            logits = level.logits(
                codes.masked_fill(mask, UNKNOWN),
                context=batch.codes[:number],
                condition=condition,
            )
            logs = logits.movedim(1, -1)[mask].float().log_softmax(dim=1) / math.log(2)  # (masked cells, K)
            true = F.nll_loss(logs, codes[mask])
            smoothed = (1 - self.label_smoothing) * true - self.label_smoothing * logs.mean()
            total, bits, masked = (
                total + smoothed * len(logs),
                bits + true.detach() * len(logs),
                masked + len(logs),
            )
            if len(batch.codes) > 1:
                parts[f"bits_per_masked_code_{number}"] = true.detach()
        total = total / masked
        return Losses(
            total=total, parts={"loss": total.detach(), "bits_per_masked_code": bits / masked, **parts}
        )

    def _mask(self, codes: Tensor, generator: torch.Generator | None) -> Tensor:
        """A random mask (B, h, w), with at least a single masked cell in each image."""
        images, cells = codes.shape[0], codes[0].numel()
        if generator is None:
            uniform = torch.rand(images, device=codes.device)
            keys = torch.rand(images, cells, device=codes.device)
        else:
            uniform = ((torch.arange(images) * _GOLDEN + 0.5) % 1).to(codes.device)
            keys = torch.rand(images, cells, generator=generator).to(codes.device)
        masked = (torch.cos(math.pi / 2 * uniform) * cells).ceil().clamp(1, cells)  # (B,)
        return (keys.argsort(dim=1).argsort(dim=1) < masked[:, None]).view_as(codes)
