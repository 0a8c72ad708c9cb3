"""The comparison with image codecs as lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanvq.evaluation.rate_distortion import at_rate
from scanvq.evaluation.rates import RATES


def codec_summary(document: Mapping[str, Any]) -> list[str]:
    """The SSIM of the run and of each codec at the run's rates.

    Args:
        document: the content of rate_distortion.json.
    """
    rates = {name: document["run"]["rate"][name]["value"] for name in RATES}
    known = {name: rate for name, rate in rates.items() if rate is not None}
    row = "  {:<12}" + "{:>12}" * len(known)
    lines = [
        f"SSIM of {document['n']} test images at equal bits per pixel of whole files, coded at 8 bits:",
        row.format("", *(f"{rate:.4f}" for rate in known.values())).rstrip(),
        row.format("", *known).rstrip(),
        row.format("this run", *(f"{document['run']['ssim']['value']:.3f}" for _ in known)),
    ]
    for codec in document["codecs"].values():
        reached = [point["rate"]["value"] for point in codec["points"]]
        least, most = min(reached), max(reached)
        values = [at_rate(codec["points"], rate, "ssim") for rate in known.values()]
        texts = [
            f"{value:.3f}" if value is not None else f"from {least:.2f}" if rate < least else f"to {most:.2f}"
            for value, rate in zip(values, known.values(), strict=True)
        ]
        lines.append(row.format(codec["label"], *texts))
    if document["mean_image"] is not None:
        lines.append(f"  mean training image, 0 bits: {document['mean_image']['ssim']['value']:.3f}")
    lines += [f"  left out: {name}, {reason}" for name, reason in document["left_out"].items()]
    return lines
