"""The numbers that runs are compared by, and how a missing one is got."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scanvq.comparison.compared_run import ComparedRun
from scanvq.evaluation.score_names import COMPARISON_NAMES, score_name, scores_of
from scanvq.evaluation.tokenizer_scores import SCORES
from scanvq.report.tables.run_tables import RATES, bits_per_pixel
from scanvq.report.whose_fault import separation

Better = Literal["higher", "lower", ""]
EVALUATE = "run `scanvq evaluate {run}`"
AUDIT = "run `scanvq audit {run}`"
SPEED = "add --speed 8 to measure it now, for all runs on this machine"
NO_PRIOR = "the run has no prior"
NO_LIKELIHOOD = "this kind of prior has no likelihood"


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number of a run; `value` None says that it is missing, and `reason` how to get it."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number of every run.

    Attributes:
        key: of its definition.
        label: its name.
        read: takes it from a run.
        decimals: as shown; None = by the size of the number.
        better: which values are the good ones; "" where none are.
        main: whether it belongs into the short table.
    """

    key: str
    label: str
    read: Callable[[ComparedRun], Number]
    decimals: int | None = 3
    better: Better = ""
    main: bool = True


def measures(runs: Sequence[ComparedRun]) -> list[Measure]:
    """The main numbers, then every score of created scans that any of the runs has."""
    return [*_reconstruction(), *_rates(runs), *_prior(), *_created(runs), *_cost(), *_details(runs)]


def scored_count(runs: Sequence[ComparedRun]) -> int:
    """How many images a side the scores of created scans are compared at: as most runs have it; 0 = none."""
    counts = Counter(
        comparison["n"]
        for run in runs
        for name, comparison in (run.metrics or {}).get("samples", {}).items()
        if name in COMPARISON_NAMES and "refused" not in comparison
    )
    return max(counts, key=lambda n: (counts[n], n)) if counts else 0


def _reconstruction() -> Iterator[Measure]:
    for key, score in SCORES.items():

        def read(run: ComparedRun, key: str = key) -> Number:
            values = _of(run, "tokenizer", "test", key)
            if values is None:
                return Number(value=None, reason=EVALUATE)
            return Number(value=values["mean"], low=values.get("low"), high=values.get("high"))

        label = f"{score.label} ({score.unit})" if score.unit else score.label
        yield Measure(key=key, label=label, read=read, decimals=score.decimals + 1, better=score.better)


def _rates(runs: Sequence[ComparedRun]) -> Iterator[Measure]:
    found = [bits_per_pixel(run.metrics) for run in runs if run.metrics is not None]
    for rate in dict.fromkeys(["raw", "prior", *(key for rates in found for key in rates)]):

        def read(run: ComparedRun, rate: str = rate) -> Number:
            if run.metrics is None:
                return Number(value=None, reason=EVALUATE)
            value = bits_per_pixel(run.metrics).get(rate)
            missing = _no_bits(run) if rate == "prior" else EVALUATE
            return Number(value=value, reason="" if value is not None else missing)

        label = f"bits per pixel, {RATES.get(rate, rate.replace('_', ' '))}"
        yield Measure(key="bits_per_pixel", label=label, read=read, decimals=4, better="lower")


def _prior() -> Iterator[Measure]:
    def bits(run: ComparedRun) -> Number:
        test = _of(run, "prior", "test")
        if test is None:
            return Number(value=None, reason=_no_bits(run))
        return Number(value=test["bits_per_code"])

    yield Measure(key="bits_per_code", label="bits per code", read=bits, better="")

    def seconds(run: ComparedRun) -> Number:
        if run.speed is None:
            return Number(value=None, reason=SPEED if run.prior else NO_PRIOR)
        return Number(value=run.speed.seconds)

    yield Measure(key="speed", label="seconds per created scan", read=seconds, better="lower")


def _created(runs: Sequence[ComparedRun]) -> Iterator[Measure]:
    count = scored_count(runs)
    for name, title in COMPARISON_NAMES.items():

        def read(run: ComparedRun, name: str = name) -> Number:
            reason = _unscored(run, name, count)
            found = None if reason else separation(_samples(run), name)
            if found is None:
                return Number(value=None, reason=reason or EVALUATE)
            return Number(value=found.value, low=found.low, high=found.high)

        yield Measure(
            key="auc", label=f"highest AUC, {title.title} ({title.fault})", read=read, better="lower"
        )

    def copies(run: ComparedRun) -> Number:
        if run.audit is None:
            return Number(value=None, reason=AUDIT if run.prior else NO_PRIOR)
        rate = run.audit["rate"]
        if rate["value"] is None:
            return Number(value=None, reason=run.audit.get("refused", "the audit gives no verdict"))
        return Number(value=rate["value"], low=rate.get("low"), high=rate.get("high"))

    yield Measure(key="copy", label="rate of copies", read=copies, better="lower")


def _cost() -> Iterator[Measure]:
    def training(run: ComparedRun) -> Number:
        stages = [_of(run, "cost", stage) for stage in ("tokenizer", "prior")]
        found = [stage["seconds"] for stage in stages if stage is not None]
        if not found:
            return Number(value=None, reason=EVALUATE)
        return Number(value=sum(found) / 60)

    yield Measure(key="", label="minutes of training", read=training, decimals=1)


def _details(runs: Sequence[ComparedRun]) -> Iterator[Measure]:
    count = scored_count(runs)
    for name, title in COMPARISON_NAMES.items():
        found = dict.fromkeys(
            (key, space) for run in runs for key, space, _ in scores_of(_samples(run).get(name, {}))
        )
        for key, space in found:

            def read(run: ComparedRun, name: str = name, key: str = key, space: str = space) -> Number:
                if reason := _unscored(run, name, count):
                    return Number(value=None, reason=reason)
                scores = {(k, s): score for k, s, score in scores_of(_samples(run)[name])}
                score = scores.get((key, space))
                if score is None or score["value"] is None:
                    reason = EVALUATE if score is None else score.get("refused", "refused")
                    return Number(value=None, reason=reason)
                return Number(value=score["value"], low=score["low"], high=score["high"])

            better = score_name(key).better
            yield Measure(
                key=key,
                label=f"{score_name(key).label}{f', {space}' if space else ''}: {title.title}",
                read=read,
                better="lower" if key == "auc" else better if better != "at the floor" else "",
                decimals=None,
                main=False,
            )


def _samples(run: ComparedRun) -> Mapping[str, Any]:
    samples: Mapping[str, Any] = (run.metrics or {}).get("samples", {})
    return samples


def _unscored(run: ComparedRun, comparison: str, count: int) -> str:
    """Why a run has no score of created scans at this number of images; "" if it has."""
    if not run.prior:
        return NO_PRIOR
    found = _samples(run).get(comparison)
    if found is None:
        return f"run `scanvq evaluate {{run}} --samples {count or 200}`"
    if "refused" in found:
        return str(found["refused"])
    if found["n"] != count:
        return (
            f"scored with {found['n']} images a side, the others with {count}, and scores are compared at "
            f"equal "
            f"numbers only: run `scanvq evaluate {{run}} --samples {count}`"
        )
    return ""


def _no_bits(run: ComparedRun) -> str:
    if not run.prior:
        return NO_PRIOR
    return EVALUATE if run.metrics is None else NO_LIKELIHOOD


def _of(run: ComparedRun, *keys: str) -> Any:
    found: Any = run.metrics
    for key in keys:
        if found is None:
            return None
        found = found.get(key)
    return found
