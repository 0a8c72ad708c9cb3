"""One code from its logits: temperature, top-k, top-p, then the inverse of the distribution function."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.types import SamplingParams


def choose(logits: Tensor, params: SamplingParams, uniform: Tensor) -> Tensor:
    """Draws one code a row, a deterministic function of logits and uniform.

    Works in float64 and in the order of the codes, so that logits that differ by rounding alone give the same
    code. Top-k is applied before top-p; of codes that tie, the lower number is kept.

    Args:
        logits: (B, K), any floating type.
        params: temperature (0 = the most likely code), top-k, top-p.
        uniform: (B,) numbers in [0, 1).

    Returns:
        Codes (B,), int64.
    """
    if params.temperature == 0:
        return logits.argmax(dim=1)
    probabilities = torch.softmax(logits.double() / params.temperature, dim=1)
    if params.top_k or params.top_p < 1:
        if probabilities.device.type == "cpu":
            probabilities = torch.from_numpy(_filtered_on_cpu(probabilities.numpy(), params))
        else:
            probabilities = _filtered(probabilities, params)
    below = probabilities.cumsum(dim=1)
    thresholds = uniform.double()[:, None] * below[:, -1:]
    return torch.searchsorted(below, thresholds, right=True).squeeze(1).clamp_(max=logits.shape[1] - 1)


def _filtered(probabilities: Tensor, params: SamplingParams) -> Tensor:
    """Sets to zero what top-k and top-p leave out; the most likely code always stays."""
    ranked, order = probabilities.sort(dim=1, descending=True, stable=True)
    if params.top_k:
        ranked[:, params.top_k :] = 0
    if params.top_p < 1:
        ranked = ranked / ranked.sum(dim=1, keepdim=True)
        more_likely = ranked.cumsum(dim=1) - ranked
        ranked = ranked.masked_fill(more_likely >= params.top_p, 0)
    return torch.zeros_like(probabilities).scatter_(1, order, ranked)


def _filtered_on_cpu(probabilities: NDArray[np.float64], params: SamplingParams) -> NDArray[np.float64]:
    """The same, by NumPy and without the order: it sorts values alone in a fiftieth of PyTorch's time."""
    ranked = np.sort(probabilities, axis=1)[:, ::-1]  # (B, K)
    if params.top_k:
        ranked = ranked[:, : params.top_k]
    last = np.full(len(ranked), ranked.shape[1] - 1)  # the rank of the least likely code that stays
    if params.top_p < 1:
        share = ranked / ranked.sum(axis=1, keepdims=True)
        last = (share.cumsum(axis=1) - share < params.top_p).sum(axis=1) - 1
    least = ranked[np.arange(len(ranked)), last][:, None]
    level = probabilities == least
    room = last + 1 - (probabilities > least).sum(axis=1)  # for codes just as likely: the first of them
    level &= level.cumsum(axis=1) <= room[:, None]
    return np.where(level | (probabilities > least), probabilities, 0.0)
