"""One code from its logits: temperature, top-k, top-p, then the inverse of the distribution function."""

from __future__ import annotations

import torch
from torch import Tensor

from scanvq.types import Draw


def choose(logits: Tensor, draw: Draw, uniform: Tensor) -> Tensor:
    """Draws one code a row, a deterministic function of logits and uniform.

    Works in float64 and in the order of the codes, so that logits that differ by rounding alone give the same
    code. Top-k is applied before top-p; of codes that tie, the lower number is kept.

    Args:
        logits: (B, K), any floating type.
        draw: temperature (0 = the most likely code), top-k, top-p.
        uniform: (B,) numbers in [0, 1).

    Returns:
        Codes (B,), int64.
    """
    if draw.temperature == 0:
        return logits.argmax(dim=1)
    probabilities = torch.softmax(logits.double() / draw.temperature, dim=1)
    if draw.top_k or draw.top_p < 1:
        probabilities = _filtered(probabilities, draw)
    below = probabilities.cumsum(dim=1)
    thresholds = uniform.double()[:, None] * below[:, -1:]
    return torch.searchsorted(below, thresholds, right=True).squeeze(1).clamp_(max=logits.shape[1] - 1)


def _filtered(probabilities: Tensor, draw: Draw) -> Tensor:
    """Sets to zero what top-k and top-p leave out; the most likely code always stays."""
    ranked, order = probabilities.sort(dim=1, descending=True, stable=True)
    if draw.top_k:
        ranked[:, draw.top_k :] = 0
    if draw.top_p < 1:
        ranked = ranked / ranked.sum(dim=1, keepdim=True)
        more_likely = ranked.cumsum(dim=1) - ranked
        ranked = ranked.masked_fill(more_likely >= draw.top_p, 0)
    return torch.zeros_like(probabilities).scatter_(1, order, ranked)
