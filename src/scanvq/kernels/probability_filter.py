"""Top-k and top-p over the probabilities of codes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.types import SamplingParams


def filter_probabilities(probabilities: Tensor, params: SamplingParams) -> Tensor:
    """Top-k, then top-p: as `reference_filter_probabilities`, see there for arguments.

    On a CPU by NumPy, which sorts values in a fiftieth of the time that PyTorch takes to sort with indices.

    Gain: sampling 64 images of the demo 27 %, 4 images 7 %.
    """
    if probabilities.device.type != "cpu":
        return reference_filter_probabilities(probabilities, params)
    return torch.from_numpy(_filter_by_values(probabilities.numpy(), params))


def reference_filter_probabilities(probabilities: Tensor, params: SamplingParams) -> Tensor:
    """Sets the probabilities of codes outside top-k and top-p to zero; the most likely code always stays.

    Args:
        probabilities: (B, K) float64, rows sum to 1.
        params: top-k, applied first, and top-p. Of equally likely codes, the lower index is kept.

    Returns:
        (B, K) float64, not normalized again.
    """
    ranked, order = probabilities.sort(dim=1, descending=True, stable=True)
    if params.top_k:
        ranked[:, params.top_k :] = 0
    if params.top_p < 1:
        ranked = ranked / ranked.sum(dim=1, keepdim=True)
        more_likely = ranked.cumsum(dim=1) - ranked
        ranked = ranked.masked_fill(more_likely >= params.top_p, 0)
    return torch.zeros_like(probabilities).scatter_(1, order, ranked)


def _filter_by_values(probabilities: NDArray[np.float64], params: SamplingParams) -> NDArray[np.float64]:
    ranked = np.sort(probabilities, axis=1)[:, ::-1]  # (B, K)
    if params.top_k:
        ranked = ranked[:, : params.top_k]
    last = np.full(len(ranked), ranked.shape[1] - 1)  # the rank of the least likely code that stays
    if params.top_p < 1:
        share = ranked / ranked.sum(axis=1, keepdims=True)
        last = (share.cumsum(axis=1) - share < params.top_p).sum(axis=1) - 1
    least = ranked[np.arange(len(ranked)), last][:, None]
    tied = probabilities == least
    kept_ties = last + 1 - (probabilities > least).sum(axis=1)  # of codes just as likely, the first
    tied &= tied.cumsum(axis=1) <= kept_ties[:, None]
    return np.where(tied | (probabilities > least), probabilities, 0.0)
