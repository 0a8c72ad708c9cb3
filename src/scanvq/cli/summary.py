"""After training: evaluation, the report, and a summary of both as lines of text."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scanvq.cli.short_form import short_form
from scanvq.evaluation.rates import RATES
from scanvq.evaluation.tokenizer_scores import ImageScore, scores_in

if TYPE_CHECKING:
    from scanvq.api import Run
    from scanvq.cli.progress_display import ProgressDisplay


def evaluate_and_report(run: Run, display: ProgressDisplay, *, sample_scores: bool = True) -> None:
    """Evaluates a trained run and a few of its samples, writes its report, and prints a summary."""
    metrics = run.evaluate(progress_for=display.progress_for)
    samples = short_form(run, display) if sample_scores else []
    cost = None if run.began is None else run.record_cost(time.monotonic() - run.began)
    run.write_report(progress_for=display.progress_for)
    for line in (*summary(metrics), *samples):
        print(line)
    if cost is not None:
        print(f"cost: {cost_text(cost)}")
    print(f"report {run.directory.report}")


def cost_text(cost: dict[str, Any]) -> str:
    """The measured cost of a run, with the estimate."""
    estimated = cost["estimated"] or {}
    units = {"minutes": "minutes", "memory_mb": "MB memory", "disk_mb": "MB disk"}
    return ", ".join(
        f"{cost['measured'][key]:.1f} {unit}" + (f" (estimated {estimated[key]:.1f})" if estimated else "")
        for key, unit in units.items()
    )


def summary(metrics: dict[str, Any]) -> list[str]:
    """The main scores, with the essentials of their definitions."""
    test = metrics["tokenizer"]["test"]
    lines = [f"{test['n']} test images at {metrics['tokenizer']['bits_per_pixel']:.4f} bits per pixel:"]
    lines += [f"  {rate_text(metrics['rate'])}"] if "rate" in metrics else []
    lines += [f"  {score_text(score, values)}" for score, values in scores_in(test).values()]
    for level, book in enumerate(metrics["tokenizer"]["codebook"]):
        name = f"codebook {level}" if len(metrics["tokenizer"]["codebook"]) > 1 else "codebook"
        lines.append(
            f"  {name}: {book['used']} of {book['size']} codes used, perplexity {book['perplexity']:.0f}"
        )
    prior = metrics["prior"]["test"]
    if prior is not None:
        lines.append(
            f"prior on {prior['n']} test images: {prior['bits_per_code']:.3f} bits per code, "
            f"{prior['bits_per_pixel']:.4f} bits per pixel"
        )
    if note := test.get("ssim", {}).get("note"):
        lines.append(note)
    leak = metrics["leak"]
    if leak["pairs"]:
        lines.append(
            f"LEAK, allowed: {leak['pairs']} subjects or scans are on two sides; metrics.json names them"
        )
    if leak["unchecked"]:
        lines.append(f"not compared with the training scans: {leak['unchecked']}")
    if leak["unmatched"]:
        lines.append(f"note: {leak['unmatched']}")
    return lines


def rate_text(rates: Mapping[str, Any]) -> str:
    """The three rates, with the interval of those that differ between images."""
    texts = []
    for name, label in RATES.items():
        rate = rates[name]
        if rate["value"] is None:
            texts.append(f"{label}: {rate['refused'].partition(':')[0]}")
        else:
            spread = f" [{rate['low']:.4f}, {rate['high']:.4f}]" if has_interval(rate) else ""
            texts.append(f"{rate['value']:.4f}{spread} {label}")
    return f"bits per pixel: {'; '.join(texts)}"


def has_interval(values: Mapping[str, Any]) -> bool:
    """Whether a number has an interval, and one that is more than a point."""
    return values.get("low") is not None and values["low"] < values["high"]


def score_text(score: ImageScore, values: Mapping[str, Any]) -> str:
    """A score: mean with interval, the percentile of its worst 5 %, and the share above its threshold."""
    rank, worst = ("5th", values["p05"]) if score.better == "higher" else ("95th", values["p95"])
    share = "" if score.threshold is None else values.get(f"above_{score.threshold:g}")
    above = f"; {share:.0%} above {score.threshold:g}" if isinstance(share, float) else ""
    interval = ""
    if has_interval(values):
        interval = f" [{values['low']:.{score.decimals}f}, {values['high']:.{score.decimals}f}]"
    return (
        f"{score.label} {score.text(values['mean'])}{interval} ({rank} percentile {score.text(worst)}{above})"
    )
