"""Sampling of codes from logits: temperature, top-k, top-p, then inverse transform sampling."""

from __future__ import annotations

import torch
from torch import Tensor

from scanvq.kernels.probability_filter import filter_probabilities
from scanvq.types import SamplingParams


def choose(logits: Tensor, params: SamplingParams, uniform: Tensor) -> Tensor:
    """Samples a code for each row, as a deterministic function of logits and uniform numbers.

    Computed in float64 and in the order of the codes, so that logits that differ by rounding only give the
    same code. Top-k is applied before top-p; of equally likely codes, the lower index is kept.

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
        probabilities = filter_probabilities(probabilities, params)
    below = probabilities.cumsum(dim=1)
    thresholds = uniform.double()[:, None] * below[:, -1:]
    return torch.searchsorted(below, thresholds, right=True).squeeze(1).clamp_(max=logits.shape[1] - 1)
