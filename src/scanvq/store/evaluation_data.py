"""Evaluation data: other scans, prepared as in training and checked for leakage from the training data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scanvq.cohort.catalog import Catalog, CatalogError, Entry
from scanvq.cohort.catalog_reader import read_catalog
from scanvq.cohort.condition_sources import read_columns
from scanvq.cohort.entries import Entries
from scanvq.cohort.subject_pattern import subjects_by_run_pattern
from scanvq.cohort.subject_tables import with_table_notes
from scanvq.conditions.space import ConditionSpace
from scanvq.imaging.preparation import Preparation
from scanvq.settings import DataSettings
from scanvq.store.leakage import Leak, LeakError, find_leaks
from scanvq.store.run_data import DataChangedError, Progress, RunData
from scanvq.store.slice_conditions import slice_conditions
from scanvq.store.store import BadScans, prepare_store


@dataclass(frozen=True, kw_only=True)
class EvaluationData:
    """Other scans, with those to be scored in the split "test".

    Attributes:
        data: the data, with allowed leaks.
        unchecked: the reason why leakage could not be checked; "" if it was.
        unmatched: the files in which `data.subject` of the run finds no subject; "" if there are none.
    """

    data: RunData
    unchecked: str
    unmatched: str


def prepare_evaluation_data(
    folder: Path,
    open_run_data: Callable[[], RunData],
    data: DataSettings,
    preparation: Preparation,
    space: ConditionSpace,
    *,
    skip_bad: bool = False,
    allow_leak: bool = False,
    cache: Path | None = None,
    checking: Progress | None = None,
) -> EvaluationData:
    """Prepares the test split of other scans, or all of them if they have no test split.

    Subjects are identified by `data.subject` of the run, and by the folder layout if it does not match.

    Args:
        folder: folder of scans.
        open_run_data: opens the data of the run.
        data: data settings of the run.
        preparation: preparation of the run.
        space: condition space of the run; conditions that the folder does not have are absent.
        skip_bad: skip unusable files instead of raising BadScans.
        allow_leak: continue if the run was trained on some of the scans.
        cache: folder for prepared stores.
        checking: called with the numbers of images checked for leakage and of all.

    Raises:
        CatalogError: no usable files, labels that are unknown to the run, or a table that contradicts
            `data.subject`.
        BadScans: unusable files.
        LeakError: subjects or scans of the training or validation split of the run.
    """
    other, unmatched = _prepared(folder, data, preparation, space, skip_bad=skip_bad, cache=cache)
    try:
        leaks = _leaks_between(open_run_data(), other, data, cache=cache, checking=checking)
    except (DataChangedError, BadScans) as error:
        return EvaluationData(data=other, unchecked=str(error), unmatched=unmatched)
    if leaks and not allow_leak:
        raise LeakError(leaks)
    return EvaluationData(data=replace(other, leaks=leaks), unchecked="", unmatched=unmatched)


def _prepared(
    folder: Path,
    data: DataSettings,
    preparation: Preparation,
    space: ConditionSpace,
    *,
    skip_bad: bool,
    cache: Path | None,
) -> tuple[RunData, str]:
    """The prepared scans, and a sentence about files that do not match the pattern of the run."""
    unmatched = ""
    catalog = read_catalog(
        folder,
        images=data.images,
        suffix=data.suffix,
        check_tables=False,
        allow_synthetic=data.allow_synthetic,
    )
    by_layout = {entry.subject for entry in catalog.entries}
    if data.subject:
        catalog, unmatched = subjects_by_run_pattern(catalog, data.subject)
    if not folder.is_file():
        catalog = with_table_notes(catalog, other_names=by_layout)
    if not any(entry.split == "test" for entry in catalog.entries):
        catalog = replace(catalog, entries=Entries(replace(e, split="test") for e in catalog.entries))
    labels = space.labels
    unknown = sorted(set(catalog.labels) - set(labels))
    if labels and unknown:
        raise CatalogError(f"{folder} has labels that the run was not trained with: {', '.join(unknown)}")
    catalog = replace(catalog, labels=labels)
    if not labels:
        catalog = replace(catalog, entries=Entries(replace(e, label=None) for e in catalog.entries))
    store = prepare_store(
        catalog,
        geometry=preparation.geometry,
        plane=data.plane,
        slices=data.slices,
        cache=cache,
        skip_bad=skip_bad,
    )
    if not len(store.rows("test")):
        raise CatalogError(f"{folder} has no usable slice to score")
    columns = read_columns(catalog, space.names) if space.names else {}
    return RunData(
        catalog=catalog,
        store=store,
        preparation=preparation,
        mean=0.0,
        std=1.0,
        content=store.digest,
        conditions=slice_conditions(space, columns, store),
    ), unmatched


def _group(entry: Entry, groups: Mapping[str, str]) -> str:
    """The group of a subject: from the table of its folder, else from the run, else the subject."""
    return groups.get(entry.subject, entry.group) if entry.group == entry.subject else entry.group


def _leaks_between(
    training: RunData, other: RunData, data: DataSettings, *, cache: Path | None, checking: Progress | None
) -> tuple[Leak, ...]:
    """Leaks between training and validation scans of a run and other scans, from a store of both."""
    groups = {entry.subject: entry.group for entry in training.catalog.entries}
    entries = Entries(
        replace(entry, path=side.catalog.root / entry.path, group=group, label=None)
        for side, splits in ((training, ("train", "validation")), (other, ("test",)))
        for entry, group in ((entry, _group(entry, groups)) for entry in side.catalog.entries)
        if entry.split in splits
    )
    combined = Catalog(
        root=Path(training.catalog.root.anchor), layout="both", entries=entries, labels=(), notes=()
    )
    store = prepare_store(
        combined,
        geometry=other.preparation.geometry,
        plane=data.plane,
        slices=data.slices,
        cache=cache,
        skip_bad=bool(training.store.skipped or other.store.skipped),
    )
    return find_leaks(store, other.preparation.intensity, progress=checking)
