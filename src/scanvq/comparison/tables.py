"""The tables of a comparison: all runs, and the league of priors on the same codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scanvq.comparison.compared_run import ComparedRun
from scanvq.comparison.measures import Measure, Number, measures, scored_count
from scanvq.comparison.same_test_set import ids_of_test_sets
from scanvq.report.kind_names import kind_name
from scanvq.report.tables.table import MISSING, Cell, Table, figure, score_decimals, words

LEAGUE = ("bits per code", "seconds per created scan", "rate of copies")
LEAGUE_SCORES = ("highest AUC", "Frechet distance, network", "precision, network", "recall, network")
PRIOR_ONLY = "samples against reconstructions"


def listing(runs: Sequence[ComparedRun]) -> Table:
    """What each run is, without scores."""
    return Table(
        name="runs",
        caption="Runs and their test sets.",
        columns=(
            "run",
            "recipe",
            "tokenizer",
            "tokenizer id",
            "prior",
            "test set",
            "test subjects",
            "slices",
        ),
        rows=tuple(
            (
                words(run.name),
                words(run.recipe),
                words(kind_name(run.tokenizer)),
                words(run.tokenizer_id[:8]),
                words(kind_name(run.prior) if run.prior else "none"),
                words(test_set),
                figure(run.test_counts[0], 0),
                figure(run.test_counts[1], 0),
            )
            for run, test_set in zip(runs, ids_of_test_sets(runs), strict=True)
        ),
    )


def comparison_table(runs: Sequence[ComparedRun], *, main: bool) -> Table:
    """A row for each number, a column for each run.

    Args:
        runs: of one test set.
        main: the main numbers; else every score of created scans.
    """
    notes = Footnotes()
    rows = [
        (words(measure.label, definition=measure.key), *_cells(measure, runs, notes))
        for measure in measures(runs)
        if measure.main is main
    ]
    count = scored_count(runs)
    scored = f" Created scans: {count} images a side." if count else ""
    subjects, slices = runs[0].test_counts
    return Table(
        name="comparison" if main else "comparison-details",
        caption=f"{'Runs' if main else 'Scores of created scans'} on the same {slices:,} test images of "
        f"{subjects:,} subjects.{scored}",
        columns=("", *(run.name for run in runs)),
        rows=tuple(rows),
        notes=notes.texts,
    )


def leagues(runs: Sequence[ComparedRun]) -> list[Table]:
    """A table for each tokenizer that several runs with a prior share."""
    groups: dict[str, list[ComparedRun]] = {}
    for run in runs:
        if run.prior:
            groups.setdefault(run.tokenizer_id, []).append(run)
    return [_league(name, group) for name, group in groups.items() if len(group) > 1]


def _league(tokenizer: str, runs: Sequence[ComparedRun]) -> Table:
    notes = Footnotes()
    chosen = [measure for measure in measures(runs) if _belongs(measure)]
    chosen = [
        replace(measure, better="lower") if measure.label == LEAGUE[0] else measure for measure in chosen
    ]
    columns = [_cells(measure, runs, notes) for measure in chosen]
    order = sorted(range(len(runs)), key=lambda n: [_rank(column[n]) for column in columns])
    return Table(
        name=f"league-{tokenizer[:8]}",
        caption=f"Priors on the codes of the tokenizer {tokenizer[:8]}; distances, precision and recall "
        f"are of "
        "samples against reconstructions, which is what a prior alone is responsible for.",
        columns=("run", "prior", *(_short(measure.label) for measure in chosen)),
        rows=tuple(
            (words(runs[n].name), words(kind_name(runs[n].prior)), *(column[n] for column in columns))
            for n in order
        ),
        notes=notes.texts,
    )


class Footnotes:
    """Numbered reasons of missing numbers, each once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers) + 1)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(self._numbers)


def _cells(measure: Measure, runs: Sequence[ComparedRun], notes: Footnotes) -> list[Cell]:
    numbers = [measure.read(run) for run in runs]
    best = _best(measure, numbers)
    cells = []
    for place, (run, number) in enumerate(zip(runs, numbers, strict=True)):
        if number.value is None:
            cells.append(
                Cell(text=MISSING, note=notes.number(number.reason.replace("{run}", str(run.directory.path))))
            )
            continue
        decimals = score_decimals(number.value) if measure.decimals is None else measure.decimals
        cell = figure(number.value, decimals, low=number.low, high=number.high)
        cells.append(replace(cell, state="best") if place == best else cell)
    return cells


def _best(measure: Measure, numbers: Sequence[Number]) -> int | None:
    """The place of the best number; None where there is none, or intervals say that it may be chance."""
    sign = {"higher": -1.0, "lower": 1.0, "": 0.0}[measure.better]
    known = [(sign * number.value, place) for place, number in enumerate(numbers) if number.value is not None]
    if not sign or len(known) < 2:
        return None
    (first, place), (second, runner_up) = sorted(known)[:2]
    if first == second:
        return None
    one, other = numbers[place], numbers[runner_up]
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return place
    apart = one.low > other.high if measure.better == "higher" else one.high < other.low
    return place if apart else None


def _belongs(measure: Measure) -> bool:
    is_score = measure.label.startswith(LEAGUE_SCORES) and PRIOR_ONLY in measure.label
    return is_score or measure.label in LEAGUE


def _short(label: str) -> str:
    return label.partition(f": {PRIOR_ONLY}")[0].partition(f", {PRIOR_ONLY}")[0]


def _rank(cell: Cell) -> float:
    return float("inf") if cell.value is None else cell.value
