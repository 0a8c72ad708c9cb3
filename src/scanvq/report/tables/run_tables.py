"""The tables of a run from its metrics, data and audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from scanvq.evaluation.rates import RATES
from scanvq.evaluation.score_names import (
    COMPARISON_NAMES,
    is_worse_than_floor,
    score_name,
    scores_of,
)
from scanvq.evaluation.tokenizer_scores import scores_in
from scanvq.report.report_data import ReportData
from scanvq.report.tables.nested import nested_table
from scanvq.report.tables.table import MISSING, Cell, Table, figure, score_decimals, words

BANDS = "band_error"


def run_tables(report_data: ReportData) -> dict[str, Table]:
    """Every table for which there is data, by name."""
    return {table.name: table for table in _tables(report_data) if table.rows}


def bits_per_pixel(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The rates that metrics.json holds, by the keys of RATES."""
    return {key: float(rate["value"]) for key, rate in _rate_numbers(metrics).items()}


def _rate_numbers(metrics: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The known rates as {"value", "low", "high"}; those that are refused are left out."""
    found: dict[str, Mapping[str, Any]] = {"raw": {"value": metrics["tokenizer"]["bits_per_pixel"]}}
    if (prior := metrics["prior"]["test"]) is not None:
        found["prior"] = {"value": prior["bits_per_pixel"]}
    for key, rate in metrics.get("rate", {}).items():
        number = rate if isinstance(rate, Mapping) else {"value": rate}
        if number.get("value") is not None:
            found[key] = number
    return {key: found[key] for key in sorted(found, key=[*RATES, *found].index)}


def _tables(report_data: ReportData) -> Iterator[Table]:
    if report_data.data is not None:
        yield _splits(report_data.data.splits)
    metrics = report_data.metrics
    if metrics is not None:
        yield _reconstruction(metrics["tokenizer"]["test"])
        yield _rates(metrics)
        yield _codebook(metrics["tokenizer"]["codebook"])
        if groups := metrics["tokenizer"].get("groups"):
            yield nested_table("reconstruction-groups", "Reconstruction scores by group.", groups)
        samples = metrics.get("samples", {})
        yield sample_scores(samples)
        yield band_errors(samples)
        for name, entry in samples.items():
            if name not in COMPARISON_NAMES and isinstance(entry, Mapping):
                title = name.replace("_", " ")
                yield nested_table(f"samples-{name.replace('_', '-')}", f"Created scans: {title}.", entry)
            elif isinstance(entry, Mapping) and entry.get("groups"):
                title = COMPARISON_NAMES[name].title
                yield nested_table(f"groups-{name.replace('_', '-')}", f"By group: {title}.", entry["groups"])
        yield _cost(metrics.get("cost", {}))
    if report_data.audit is not None:
        yield _audit(report_data.audit)


def sample_scores(samples: Mapping[str, Any]) -> Table:
    """The three comparisons side by side, beside floor and bad references.

    Args:
        samples: of metrics.json; {} gives a table without rows.
    """
    found = {
        name: {(key, space): score for key, space, score in scores_of(samples[name])}
        for name in COMPARISON_NAMES
        if name in samples
    }
    keys = list(dict.fromkeys(key for scores in found.values() for key in scores if key[0] != BANDS))
    degradations = list(
        dict.fromkeys(kind for scores in found.values() for one in scores.values() for kind in one["bad"])
        if all("bad" in one for scores in found.values() for one in scores.values())
        else ()
    )
    rows, notes = [], list[str]()
    for key, space in keys:
        scores = {name: found[name].get((key, space)) for name in found}
        first = next(score for score in scores.values() if score is not None)
        rows.append(
            (
                words(score_name(key).label, definition=key),
                words(space, definition=space),
                *(_score(key, score, notes) for score in scores.values()),
                _plain(first["floor"]),
                *(_plain(first["bad"].get(kind)) for kind in degradations),
            )
        )
    sizes = sorted({samples[name]["n"] for name in found if "n" in samples[name]})
    counts = " or ".join(map(str, sizes))
    return Table(
        name="sample-scores",
        caption=f"Scores of created scans, {counts} images on each side, with 95 % intervals over subjects; "
        "floor: the same score of real against real scans; last columns: real scans made worse.",
        columns=(
            "score",
            "space",
            *(COMPARISON_NAMES[name].title for name in found),
            "floor",
            *degradations,
        ),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def band_errors(samples: Mapping[str, Any]) -> Table:
    """The error of reconstructions in each ring of frequencies.

    Args:
        samples: of metrics.json; {} gives a table without rows.
    """
    found = samples.get("reconstructions_vs_reals", {}).get(BANDS, {})
    degradations = list(dict.fromkeys(kind for score in found.values() for kind in score["bad"]))
    return Table(
        name="band-errors",
        caption="Error of reconstructions by frequency band, from coarse (1) to fine; 0 is exact.",
        columns=("band", "error", *degradations),
        rows=tuple(
            (
                words(band, definition=BANDS),
                figure(score["value"], low=score["low"], high=score["high"]),
                *(_plain(score["bad"].get(kind)) for kind in degradations),
            )
            for band, score in found.items()
        ),
    )


def _score(key: str, score: Mapping[str, Any] | None, notes: list[str]) -> Cell:
    if score is None:
        return words("")
    reason = score.get("refused") or score.get("note") or ""
    if reason and reason not in notes:
        notes.append(reason)
    note = notes.index(reason) + 1 if reason else 0
    value = score["value"]
    cell = figure(value, score_decimals(value), low=score["low"], high=score["high"], note=note)
    worse = is_worse_than_floor(key, score)
    if worse is None:
        return cell
    return replace(cell, state="worse" if worse else "fine")


def _plain(value: float | None) -> Cell:
    return figure(value, score_decimals(value))


def _reconstruction(test: Mapping[str, Any]) -> Table:
    rows = []
    for name, (score, values) in scores_in(test).items():
        digits = score.decimals + 1
        share = next((key for key in values if key.startswith("above_")), None)
        rows.append(
            (
                words(f"{score.label} ({score.unit})" if score.unit else score.label, definition=name),
                figure(values["mean"], digits, low=values.get("low"), high=values.get("high")),
                *(figure(values[key], digits) for key in ("std", "p05", "median", "p95")),
                words("")
                if share is None
                else Cell(
                    text=f"{values[share]:.1%} above {share.removeprefix('above_')}", value=values[share]
                ),
            )
        )
    return Table(
        name="reconstruction-scores",
        caption=f"Reconstructions of {test['n']:,} test images: mean, distribution over images, and the "
        f"share "
        "of images above a threshold.",
        columns=("score", "mean", "std", "5th percentile", "median", "95th percentile", "share"),
        rows=tuple(rows),
    )


def _rates(metrics: Mapping[str, Any]) -> Table:
    return Table(
        name="rate",
        caption="Bits per pixel of the test images.",
        columns=("rate", "bits per pixel"),
        rows=tuple(
            (
                words(RATES.get(key, key.replace("_", " ")), definition="bits_per_pixel"),
                figure(rate["value"], 4, low=rate.get("low"), high=rate.get("high")),
            )
            for key, rate in _rate_numbers(metrics).items()
        ),
    )


def _codebook(books: list[Mapping[str, Any]]) -> Table:
    return Table(
        name="codebook",
        caption="Use of the codebook on the test images.",
        columns=("level", "codes", "used", "perplexity"),
        rows=tuple(
            (
                words(str(level)),
                figure(book["size"], 0),
                figure(book["used"], 0),
                figure(book["perplexity"], 1),
            )
            for level, book in enumerate(books)
        ),
    )


def _splits(splits: tuple[tuple[str, int, int], ...]) -> Table:
    return Table(
        name="splits",
        caption="Subjects and slices of each split.",
        columns=("split", "subjects", "slices"),
        rows=tuple(
            (words(name), figure(subjects, 0), figure(slices, 0)) for name, subjects, slices in splits
        ),
    )


def _cost(cost: Mapping[str, Any]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            words(f"training of the {stage}"),
            figure(cost[stage]["seconds"] / 60, 1),
            figure(cost[stage]["peak_memory_mb"], 0),
            Cell(text=MISSING),
            figure(cost[stage]["images_per_second"], 1),
        )
        for stage in ("tokenizer", "prior", "decoder")
        if stage in cost
    ]
    rows += [
        (
            words(f"complete run, {name}"),
            *(figure(cost[name][key], digits) for key, digits in COST),
            Cell(text=MISSING),
        )
        for name in ("measured", "estimated")
        if cost.get(name)
    ]
    return Table(
        name="cost",
        caption="Cost on the machine that trained.",
        columns=("what", "minutes", "memory (MB)", "disk (MB)", "images per second"),
        rows=tuple(rows),
    )


COST = (("minutes", 1), ("memory_mb", 0), ("disk_mb", 0))
"""Keys of a cost in metrics.json, and their decimals."""


def _audit(audit: Mapping[str, Any]) -> Table:
    rate, chance = audit["rate"], audit.get("chance", {})
    known = rate["value"] is not None
    copies = sum(bool(sample["copy"]) for sample in audit["samples"]) if known else None
    return Table(
        name="audit",
        caption="Memorization audit: created scans that are copies of a training scan.",
        columns=("created scans", "copies", "rate", "by chance"),
        rows=(
            (
                figure(len(audit["samples"]), 0),
                figure(copies, 0),
                figure(rate["value"], 3, low=rate.get("low"), high=rate.get("high")),
                figure(chance.get("value"), 3, low=chance.get("low"), high=chance.get("high")),
            ),
        ),
    )
