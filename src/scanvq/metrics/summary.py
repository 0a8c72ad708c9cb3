"""The distribution of a score over images, in the form of metrics.json."""

from __future__ import annotations

import torch
from torch import Tensor


def distribution(values: Tensor, *, above: float | None = None) -> dict[str, float]:
    """Sums the scores of a split up.

    Args:
        values: (n,), one score per image, n at least 1.
        above: also give the share of images whose score is higher than this.

    Returns:
        {"mean", "std", "p05", "median", "p95"}, std of the population; and "above_0.6" (for `above=0.6`)
        from 0 to 1.

    Raises:
        ValueError: no values.
    """
    if values.numel() == 0:
        raise ValueError("no values to summarize: the split has no images")
    values = values.detach().cpu().double().flatten()
    p05, median, p95 = torch.quantile(values, torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)).tolist()
    summary = {
        "mean": values.mean().item(),
        "std": values.std(correction=0).item(),
        "p05": p05,
        "median": median,
        "p95": p95,
    }
    if above is not None:
        summary[f"above_{above:g}"] = (values > above).double().mean().item()
    return summary
