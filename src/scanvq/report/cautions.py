"""What to distrust in a run: everything in its files that limits what its numbers mean."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scanvq.evaluation.score_names import COMPARISON_NAMES
from scanvq.evaluation.tokenizer_scores import scores_in
from scanvq.report.report_data import ReportData
from scanvq.report.whose_fault import HIGH_FLOOR, separation

FEW_TRAINING, FEW_TEST = 50, 20  # subjects
BARELY = 0.95  # of the entropy of the codes: above it, their order was hardly learned
COLLAPSED, UNDERUSED = 0.05, 0.5  # perplexity over size; codes in use over size
COLLAPSED_LEVEL = 0.005  # SSIM lost with another image's codes
GAP = 0.15  # of SSIM, from the mean to the 5th percentile


@dataclass(frozen=True, kw_only=True)
class Caution:
    """One reason for distrust.

    Attributes:
        text: one or two sentences with the numbers.
        serious: whether the scores do not mean what they seem to.
        section: of the page that shows more; "" for none.
        names_files: whether the text names files of scans.
    """

    text: str
    serious: bool = False
    section: str = ""
    names_files: bool = False


def cautions(report_data: ReportData) -> tuple[Caution, ...]:
    """All cautions of a run, the serious ones first."""
    found = [
        *_data(report_data),
        *_tokenizer(report_data),
        *_prior(report_data),
        *_created(report_data),
        *_novelty(report_data),
    ]
    return tuple(sorted(found, key=lambda caution: not caution.serious))


def _data(report_data: ReportData) -> Iterator[Caution]:
    data = report_data.data
    if data is None:
        return
    if data.leaks:
        meaning = (
            "Scores on the test split are those of unseen people; the chosen weights may not be the best."
        )
        if data.leaks_into_test:
            meaning = "No score here measures quality on unseen people."
        yield Caution(
            text=f"Leaks were allowed: {len(data.leaks):,} subjects or scans are on two sides of a split. "
            f"{meaning}",
            serious=data.leaks_into_test,
            section="data",
        )
    people = {name: subjects for name, subjects, _ in data.splits}
    train, test = people.get("train", 0), people.get("test", 0)
    if train < FEW_TRAINING:
        yield Caution(
            text=f"Trained on {train:,} people only: expect copies of them, and little variety.",
            section="data",
        )
    if test < FEW_TEST:
        yield Caution(
            text=f"Tested on {test:,} people only: every score would differ on others.", section="data"
        )
    for warning in data.odd:
        yield Caution(text=f"Odd files: {warning}.", section="data", names_files=True)
    if data.skipped:
        yield Caution(text=f"{len(data.skipped):,} files could not be used.", section="skipped")
    leak = (report_data.metrics or {}).get("leak", {})
    if leak.get("pairs") and not data.leaks:
        yield Caution(
            text=f"The run was trained on {leak['pairs']:,} of the subjects or scans that it is scored on.",
            serious=True,
        )


def _tokenizer(report_data: ReportData) -> Iterator[Caution]:
    if report_data.metrics is None:
        yield Caution(text="Not evaluated: there is no score on unseen people.", serious=True)
        return
    tokenizer = report_data.metrics["tokenizer"]
    several = len(tokenizer["codebook"]) > 1
    for level, book in enumerate(tokenizer["codebook"]):
        name = f"The codebook of level {level}" if several else "The codebook"
        if book["perplexity"] < COLLAPSED * book["size"]:
            yield Caution(
                text=f"{name} has collapsed: {book['used']:,} of {book['size']:,} codes in use, perplexity "
                f"{book['perplexity']:.0f}.",
                serious=True,
                section="codebook",
            )
        elif book["used"] < UNDERUSED * book["size"]:
            yield Caution(
                text=f"{name} is underused: {book['used']:,} of {book['size']:,} codes in use.",
                section="codebook",
            )
    for name, value in _last(report_data, "tokenizer").items():
        if name.startswith("worth_") and value < COLLAPSED_LEVEL:
            yield Caution(
                text=f"Level {name.removeprefix('worth_')} of the codes carries almost no information: with "
                f"another image's codes SSIM falls by {max(value, 0):.4f}.",
                serious=True,
                section="tokenizer-training",
            )
    ssim = scores_in(tokenizer["test"]).get("ssim")
    if ssim is not None and ssim[1]["mean"] - ssim[1]["p05"] > GAP:
        yield Caution(
            text=f"A good mean hides bad images: SSIM {ssim[1]['mean']:.3f} on average, below "
            f"{ssim[1]['p05']:.3f} for one in twenty.",
            section="extremes",
        )


def _prior(report_data: ReportData) -> Iterator[Caution]:
    metrics, model = report_data.metrics, report_data.model
    if model is not None and not model.prior:
        yield Caution(text="No prior is trained: nothing can be created yet.")
    if metrics is None or metrics["prior"]["test"] is None or model is None:
        return
    books, cells = metrics["tokenizer"]["codebook"], [h * w for h, w in model.code_shapes]
    entropy = sum(math.log2(b["perplexity"]) * n for b, n in zip(books, cells, strict=True)) / sum(cells)
    bits = metrics["prior"]["test"]["bits_per_code"]
    if bits > BARELY * entropy:
        yield Caution(
            text=f"The prior is hardly better than guessing: {bits:.2f} bits per code, where drawing each "
            f"code "
            f"by its frequency alone needs {entropy:.2f}.",
            serious=True,
            section="prior-training",
        )


def _created(report_data: ReportData) -> Iterator[Caution]:
    model, samples = report_data.model, _samples(report_data)
    if report_data.metrics is None or model is None or not model.prior:
        return
    if not samples:
        yield Caution(
            text=f"The created scans were not scored: run `scanvq evaluate {report_data.run} --samples 200`."
        )
        return
    for reason in dict.fromkeys(entry["refused"] for entry in samples.values() if "refused" in entry):
        yield Caution(text=f"Scores of created scans are refused. {reason}", section="created")
    sources = [entry.get("source", {}) for entry in samples.values()]
    if any(source.get("model", model.content) != model.content for source in sources):
        yield Caution(
            text="The scores of created scans are of another state of this model: run "
            f"`scanvq evaluate {report_data.run} --samples 200` again.",
            serious=True,
            section="created",
        )
    for name, sentence in (
        ("samples_vs_reals", "Created scans are told from real ones"),
        ("reconstructions_vs_reals", "Reconstructions are told from real scans"),
    ):
        found = separation(samples, name)
        if found is not None and found.is_seen:
            yield Caution(
                text=f"{sentence}: AUC {found.value:.2f}, where real against real gives {found.floor:.2f}.",
                section="created",
            )
    found = separation(samples, "samples_vs_reals")
    if found is not None and found.floor is not None and found.floor > HIGH_FLOOR:
        yield Caution(
            text=f"Held-out and training people themselves differ (AUC {found.floor:.2f} between real "
            f"scans): "
            "scores of created scans say little.",
            section="created",
        )


def _novelty(report_data: ReportData) -> Iterator[Caution]:
    model, audit = report_data.model, report_data.audit
    if model is None or not model.prior:
        return
    if audit is None:
        yield Caution(
            text=f"Not audited for copies of training scans: run `scanvq audit {report_data.run}`.",
            section="novelty",
        )
    elif audit["rate"]["value"] is None:
        reason = audit.get("refused", "see audit.json")
        yield Caution(text=f"The audit for copies gives no verdict: {reason}", section="novelty")
    elif copies := sum(bool(sample["copy"]) for sample in audit["samples"]):
        yield Caution(
            text=f"Copies of training scans: {copies:,} of {len(audit['samples']):,} created scans.",
            serious=True,
            section="novelty",
        )


def _samples(report_data: ReportData) -> dict[str, Any]:
    samples: Mapping[str, Any] = (report_data.metrics or {}).get("samples", {})
    return {name: samples[name] for name in COMPARISON_NAMES if name in samples}


def _last(report_data: ReportData, stage: str) -> Mapping[str, Any]:
    """The last validation of a stage."""
    records = [record for record in report_data.histories.get(stage, ()) if record["split"] == "validation"]
    return records[-1] if records else {}
