"""Cross-entropy of every code given the ones before it: how a likelihood prior is trained."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from scanvq.priors.pyramid import Pyramid
from scanvq.spec import Derived, Share
from scanvq.types import Batch, Condition, Losses, Objective


class NextCode(Objective):
    """Bits a code, summed over the levels' codes and divided by their number.

    Args:
        prior: the levels in training.
        label_dropout: share of the images whose label is hidden, so that one prior also learns
            the distribution without labels (arXiv 2207.12598, section 3.2).
    """

    def __init__(self, *, prior: Derived[Pyramid], label_dropout: Share = 0.1) -> None:
        super().__init__()
        self.prior = prior
        self.label_dropout = label_dropout

    @property
    def players(self) -> Mapping[str, Iterable[nn.Parameter]]:
        return {"prior": self.prior.parameters()}

    def forward(self, batch: Batch, player: str, step: int) -> Losses:
        assert batch.codes is not None
        condition = self._with_hidden_labels(batch.condition)
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

    def _with_hidden_labels(self, condition: Condition) -> Condition:
        if condition.label is None or not self.training or self.label_dropout == 0:
            return condition
        hidden = torch.rand(condition.label.shape, device=condition.label.device) < self.label_dropout
        return Condition(label=torch.where(hidden, self.prior.priors[0].classes, condition.label))
