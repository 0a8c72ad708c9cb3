"""The prior's scores on one split: exact bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.types import Codes, Condition

BATCH = 4  # images at once; as few as a dry run scores, so that its memory is that of a run


@torch.inference_mode()
def bits_of(
    prior: HierarchicalPrior,
    codes: Codes,
    *,
    labels: Tensor | None,
    device: torch.device,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """-log2 p(codes) of every image under the prior, (n,) float64.

    Args:
        prior: with a likelihood, in evaluation mode, on `device`.
        codes: (n, h, w) a level.
        labels: (n,) class numbers, or None to score them as of any class.
        device: where the prior is.
        progress: called with images done and all.
    """
    count = len(codes[0])
    bits = []
    for start in range(0, count, BATCH):
        part = tuple(level[start : start + BATCH].long().to(device) for level in codes)
        condition = None if labels is None else Condition(label=labels[start : start + BATCH].to(device))
        bits.append(prior.bits(part, condition=condition).cpu())
        if progress is not None:
            progress(start + len(part[0]), count)
    return torch.cat(bits)


def summarize_bits(bits: Tensor, *, cells: int, pixels: int) -> dict[str, Any]:
    """The form of metrics.json: mean bits for a code and for a pixel of the network's image."""
    return {
        "n": len(bits),
        "bits_per_code": float(bits.mean()) / cells,
        "bits_per_pixel": float(bits.mean()) / pixels,
    }
