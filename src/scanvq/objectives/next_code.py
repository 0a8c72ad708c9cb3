"""Cross-entropy of every code given earlier codes, for autoregressive priors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from scanvq.conditions.dropout import drop_conditions
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.spec import Derived, Share
from scanvq.types import Batch, Losses, Objective


class NextCode(Objective):
    """Bits per code: the mean negative log2 likelihood over the codes of all levels.

    Args:
        prior: the prior in training.
        condition_dropout: share of the images from which a condition is dropped, independently for each
            condition, so that the prior also learns the distribution without it (arXiv 2207.12598,
            section 3.2).

    Raises:
        ValueError: a level without a likelihood.
    """

    criterion: ClassVar[str | None] = "bits_per_code"

    def __init__(self, *, prior: Derived[HierarchicalPrior], condition_dropout: Share = 0.1) -> None:
        super().__init__()
        if not prior.has_likelihood:
            kinds = ", ".join(type(level).__name__ for level in prior.priors)
            raise ValueError(
                f"next_code trains priors with a likelihood, but prior has {kinds}; set "
                'training.prior.objective.kind = "masked_codes" for a maskgit, "adversarial_codes" for a '
                "latent_gan"
            )
        self.prior = prior
        self.condition_dropout = condition_dropout

    @property
    def players(self) -> Mapping[str, Iterable[nn.Parameter]]:
        return {"prior": self.prior.parameters()}

    def forward(self, batch: Batch, player: str, step: int) -> Losses:
        assert batch.codes is not None
        condition = batch.condition
        if self.training:
            condition = drop_conditions(condition, self.prior.conditions, self.condition_dropout)
        nats, cells = batch.codes[0].new_zeros((), dtype=torch.float32), 0
        parts: dict[str, Tensor] = {}
        for level, logits in enumerate(self.prior.logits(batch.codes, condition=condition)):
            codes = batch.codes[level]
            entropy = F.cross_entropy(logits.float(), codes)
            nats, cells = nats + entropy * codes[0].numel(), cells + codes[0].numel()
            if len(batch.codes) > 1:
                parts[f"bits_per_code_{level}"] = entropy.detach() / math.log(2)
        bits = nats / cells / math.log(2)
        return Losses(total=bits, parts={"loss": bits.detach(), "bits_per_code": bits.detach(), **parts})
