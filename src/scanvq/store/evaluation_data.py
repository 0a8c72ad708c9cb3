"""Scans that a run was not trained on: prepared as its own, and compared with what it has learned from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scanvq.cohort.catalog import Catalog, CatalogError, Entry
from scanvq.cohort.catalog_reader import read_catalog
from scanvq.cohort.condition_sources import read_columns
from scanvq.cohort.entries import Entries
from scanvq.cohort.subject_pattern import subjects_by_run_pattern
from scanvq.conditions.space import ConditionSpace
from scanvq.imaging.preparation import Preparation
from scanvq.settings import DataSettings
from scanvq.store.leakage import Leak, LeakError, find_leaks
from scanvq.store.run_data import Progress, RunData, SourceChangedError
from scanvq.store.slice_conditions import slice_conditions
from scanvq.store.store import BadScans, prepare_store


@dataclass(frozen=True, kw_only=True)
class EvaluationData:
    """Other scans, all that are to be scored in the split "test".

    Attributes:
        data: with the leaks that somebody has allowed.
        unchecked: why they could not be compared with the run's own scans; "" where they were.
        unmatched: the files that the run's `data.subject` finds no subject in; "" where there are none.
    """

    data: RunData
    unchecked: str
    unmatched: str


def prepare_evaluation_data(
    folder: Path,
    own: Callable[[], RunData],
    data: DataSettings,
    preparation: Preparation,
    space: ConditionSpace,
    *,
    skip_bad: bool = False,
    allow_leak: bool = False,
    cache: Path | None = None,
    checking: Progress | None = None,
) -> EvaluationData:
    """Other scans: their test split where they have one, else all of them as test.

    Who is who, the run's `data.subject` says wherever it finds somebody, else the folder's layout.

    Args:
        folder: the scans.
        own: opens the run's own data.
        data: the run's.
        preparation: the run's.
        space: the run's conditions; what the other scans' folder does not tell of them is absent.
        skip_bad: leave unusable files out rather than stop.
        allow_leak: go on where the run was trained on some of them.
        cache: where prepared stores are kept.
        checking: called with images that the leak guard has looked at, and all.

    Raises:
        CatalogError: nothing usable in the folder, labels that the run does not know, or a table that
            contradicts `data.subject`.
        BadScans: files that cannot be used, all of them.
        LeakError: subjects or scans that the run was trained or chosen on, all of them.
    """
    other, unmatched = _prepared(folder, data, preparation, space, skip_bad=skip_bad, cache=cache)
    try:
        leaks = _shared(own(), other, data, cache=cache, checking=checking)
    except (SourceChangedError, BadScans) as error:
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
    """The other scans, and on which of them the run's pattern says nothing."""
    catalog, unmatched = read_catalog(folder, images=data.images), ""
    if data.subject:
        catalog, unmatched = subjects_by_run_pattern(catalog, data.subject)
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
    """The group that the run has a subject in, unless the entry's own folder has said one."""
    return groups.get(entry.subject, entry.group) if entry.group == entry.subject else entry.group


def _shared(
    own: RunData, other: RunData, data: DataSettings, *, cache: Path | None, checking: Progress | None
) -> tuple[Leak, ...]:
    """What the leak guard finds between the scans a run has learned from and others, in one store of both."""
    groups = {entry.subject: entry.group for entry in own.catalog.entries}
    entries = Entries(
        replace(entry, path=side.catalog.root / entry.path, group=group, label=None)
        for side, splits in ((own, ("train", "validation")), (other, ("test",)))
        for entry, group in ((entry, _group(entry, groups)) for entry in side.catalog.entries)
        if entry.split in splits
    )
    both = Catalog(root=Path(own.catalog.root.anchor), layout="both", entries=entries, labels=(), notes=())
    store = prepare_store(
        both,
        geometry=other.preparation.geometry,
        plane=data.plane,
        slices=data.slices,
        cache=cache,
        skip_bad=bool(own.store.skipped or other.store.skipped),
    )
    return find_leaks(store, other.preparation.intensity, progress=checking)
