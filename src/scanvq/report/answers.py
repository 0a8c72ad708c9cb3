"""The first screen of the page: a short answer to each question that a reader has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scanvq.evaluation.tokenizer_scores import scores_in
from scanvq.report.kind_names import kind_name
from scanvq.report.report_data import ReportData
from scanvq.report.tables.run_tables import bits_per_pixel
from scanvq.report.whose_fault import separation


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A question and its answer.

    Attributes:
        question: as the reader asks it.
        headline: the answer in a few words or one number.
        lines: sentences below it.
        section: of the page that shows more; "" for none.
    """

    question: str
    headline: str
    lines: tuple[str, ...] = ()
    section: str = ""


def answers(report_data: ReportData) -> tuple[Answer, ...]:
    """What was trained, on whom, how good (reconstructed, created), how new, at what cost."""
    found = (
        _trained(report_data),
        _people(report_data),
        _reconstructed(report_data),
        _created(report_data),
        _novelty(report_data),
        _cost(report_data),
    )
    return tuple(answer for answer in found if answer is not None)


def times(number: int, noun: str) -> str:
    """A number and its noun: "1 slice", "1,024 slices"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _trained(report_data: ReportData) -> Answer | None:
    model = report_data.model
    if model is None:
        return None
    tokenizer = kind_name(model.tokenizer)
    grids = " and ".join(f"{h}x{w}" for h, w in model.code_shapes)
    sizes = " and ".join(f"{size:,}" for size in dict.fromkeys(model.codebook_sizes))
    size = (
        ""
        if report_data.data is None
        else f"of {report_data.data.size[0]}x{report_data.data.size[1]} pixels "
    )
    lines = [f"An image {size}becomes {grids} codes out of {sizes}."]
    if model.prior:
        lines.append("The prior has learned their distribution; what it samples is decoded to a new scan.")
    headline = f"{tokenizer} and {kind_name(model.prior)}" if model.prior else f"{tokenizer}, without a prior"
    return Answer(question="What was trained?", headline=headline, lines=tuple(lines), section="model")


def _people(report_data: ReportData) -> Answer | None:
    data = report_data.data
    if data is None:
        return None
    counts = {name: (subjects, slices) for name, subjects, slices in data.splits}
    train, test = counts["train"], counts["test"]
    lines = [
        f"{times(train[1], 'slice')} of {times(train[0], 'subject')} to train on, "
        f"{times(test[1], 'slice')} of {times(test[0], 'subject')} to test on, none in both."
        if not data.leaks
        else f"{times(train[1], 'slice')} to train on, {times(test[1], 'slice')} to test on. The splits "
        "leak.",
        f"Layout of the folder: {data.layout}."
        + (f" Labels: {', '.join(data.labels)}." if data.labels else ""),
    ]
    total = sum(subjects for subjects, _ in counts.values())
    return Answer(question="On whom?", headline=times(total, "subject"), lines=tuple(lines), section="data")


def _reconstructed(report_data: ReportData) -> Answer | None:
    question = "How good are reconstructions?"
    if report_data.metrics is None:
        return Answer(question=question, headline="not evaluated")
    found = list(scores_in(report_data.metrics["tokenizer"]["test"]).values())
    (score, values), others = found[0], found[1:]
    rates = bits_per_pixel(report_data.metrics)
    prior = f", {rates['prior']:.3g} under the prior" if "prior" in rates else ""
    lines = [
        f"At {rates['raw']:.3g} bits per pixel{prior}; the scan has 8 or 16.",
        "; ".join(f"{other.label} {other.text(values['mean'])}" for other, values in others) + ".",
    ]
    interval = _interval(values, score.decimals)
    return Answer(
        question=question,
        headline=f"{score.label} {score.text(values['mean'])}{interval}",
        lines=tuple(lines),
        section="reconstruction",
    )


def _created(report_data: ReportData) -> Answer | None:
    if report_data.model is None or not report_data.model.prior:
        return None
    question = "How good are created scans?"
    samples = (report_data.metrics or {}).get("samples", {})
    found = separation(samples, "samples_vs_reals")
    if found is None:
        refused = any("refused" in entry for entry in samples.values() if isinstance(entry, Mapping))
        return Answer(question=question, headline="refused" if refused else "not scored", section="generated")
    lines = [
        f"The best classifier tells them from real scans in {found.value:.0%} of pairs; chance is 50 %"
        + ("." if found.floor is None else f", real against real scans {found.floor:.0%}.")
    ]
    prior = separation(samples, "samples_vs_reconstructions")
    tokenizer = separation(samples, "reconstructions_vs_reals")
    if prior is not None and tokenizer is not None:
        lines.append(
            f"From reconstructions: {prior.value:.0%} (the prior's part). Reconstructions from real scans: "
            f"{tokenizer.value:.0%} (the tokenizer's part)."
        )
    return Answer(
        question=question,
        headline=f"AUC {found.value:.2f}{_interval(vars(found), 2)}",
        lines=tuple(lines),
        section="created",
    )


def _novelty(report_data: ReportData) -> Answer | None:
    if report_data.model is None or not report_data.model.prior:
        return None
    question, audit = "How new are they?", report_data.audit
    if audit is None:
        return Answer(
            question=question,
            headline="not audited",
            lines=("Whether created scans copy training scans was not looked at.",),
            section="novelty",
        )
    rate, count = audit["rate"], len(audit["samples"])
    if rate["value"] is None:
        lines = (str(audit.get("refused", "The audit gives no verdict.")),)
        return Answer(question=question, headline="no verdict", lines=lines, section="novelty")
    copies = sum(bool(sample["copy"]) for sample in audit["samples"])
    low, high = rate.get("low"), rate.get("high")
    interval = (
        "" if low is None or high is None else f" The 95 % interval of the rate is {low:.1%} to {high:.1%}."
    )
    return Answer(
        question=question,
        headline=f"{rate['value']:.1%} copies",
        lines=(f"{copies:,} of {times(count, 'created scan')} copy a training scan.{interval}",),
        section="novelty",
    )


def _cost(report_data: ReportData) -> Answer | None:
    cost: Mapping[str, Any] = (report_data.metrics or {}).get("cost", {})
    stages = {name: cost[name] for name in ("tokenizer", "prior", "decoder") if name in cost}
    if not stages:
        return None
    training = sum(stage["seconds"] for stage in stages.values()) / 60
    device = report_data.environment.get("device", "")
    measured = cost.get("measured")
    memory = max(stage["peak_memory_mb"] for stage in stages.values())
    lines = [f"Training alone took {training:.1f} minutes." if measured else "For training alone."]
    lines.append(
        f"{(measured['memory_mb'] if measured else memory):,.0f} MB of memory"
        + (f", {measured['disk_mb']:,.0f} MB on disk" if measured else "")
        + (f"; device: {device}." if device else ".")
    )
    minutes = measured["minutes"] if measured else training
    return Answer(
        question="What did it cost?", headline=f"{minutes:.1f} minutes", lines=tuple(lines), section="cost"
    )


def _interval(values: Mapping[str, Any], decimals: int) -> str:
    low, high = values.get("low"), values.get("high")
    return "" if low is None or high is None else f" ({low:.{decimals}f} to {high:.{decimals}f})"
