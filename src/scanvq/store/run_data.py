"""The data stage: from a folder to splits, a prepared store, and the training set's statistics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.cohort.catalog import Catalog, CatalogError, Entry
from scanvq.cohort.condition_sources import read_columns
from scanvq.cohort.conditions import used_columns
from scanvq.cohort.entries import Entries
from scanvq.cohort.survey import Survey, survey_folder
from scanvq.conditions.joint_distribution import JointDistribution
from scanvq.conditions.space import ConditionSpace
from scanvq.imaging.preparation import Preparation
from scanvq.settings import DataSettings, PreparationSettings
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.dataset import SliceDataset
from scanvq.store.leakage import Leak, LeakError, find_leaks
from scanvq.store.slice_conditions import SliceConditions, measure_conditions, slice_conditions
from scanvq.store.statistics import decide_intensity, training_statistics
from scanvq.store.store import Store, prepare_store
from scanvq.store.store_key import StoreKey

SPLITS = ("train", "validation", "test")
Progress = Callable[[int, int], None]


class SourceChangedError(ValueError):
    """The scans are no longer those that the run began with."""


@dataclass(frozen=True, kw_only=True)
class RunData:
    """A run's slices: who is in which split, how they are prepared, and what they look like in numbers.

    Attributes:
        mean, std: of the training set's intensities in [0, 1].
        content: of all slices; what is made from them holds for these alone.
        leaks: subjects and scans on two sides of a split, which somebody has allowed.
        conditions: what is known of every slice of the store, as far as the run uses it.
    """

    catalog: Catalog
    store: Store
    preparation: Preparation
    mean: float
    std: float
    content: str
    leaks: tuple[Leak, ...] = ()
    conditions: SliceConditions = field(default_factory=SliceConditions)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the run uses; () for none."""
        return self.conditions.space.labels

    def rows(self, split: str) -> NDArray[np.int64]:
        return self.store.rows(split)

    def dataset(self, split: str) -> SliceDataset:
        return SliceDataset(self.store, self.rows(split), self.preparation.intensity, self.conditions)


def survey_data(folder: Path, data: DataSettings, preparation: PreparationSettings, *, seed: int) -> Survey:
    """Looks at a folder as a recipe's sections say, see `survey_folder`."""
    return survey_folder(
        folder,
        images=data.images,
        subject=data.subject,
        plane=data.plane,
        slices=data.slices,
        spacing=None if preparation.spacing == "native" else preparation.spacing,
        validation=data.validation,
        test=data.test,
        seed=seed,
    )


def prepare_data(
    survey: Survey,
    preparation: PreparationSettings,
    *,
    multiple: int,
    conditions: Sequence[str] = (),
    skip_bad: bool = False,
    allow_leak: bool = False,
    cache: Path | None = None,
    progress: Progress | None = None,
    checking: Progress | None = None,
) -> RunData:
    """Prepares the slices of a data set, and looks for leaks between its splits.

    Args:
        survey: its files, splits and headers, of this `preparation`.
        preparation: size and intensities.
        multiple: height and width become multiples of this (the tokenizer's downsampling).
        conditions: names of those that are used; () = the label, where there are labels.
        skip_bad: leave unreadable files out rather than stop.
        allow_leak: go on with splits that leak.
        cache: where prepared stores are kept; None is the user's cache folder.
        progress: called with files done and all files.
        checking: the same for the images that the leak guard looks at.

    Raises:
        CatalogError: no usable slice in a split, or conditions that the scans do not have.
        BadScans: files that cannot be used, all of them.
        LeakError: subjects or scans on two sides of a split, all of them.
    """
    columns = used_columns(survey.catalog, conditions, volumes=survey.has_volumes)
    geometry = survey.geometry(size=preparation.size, fit=preparation.fit, multiple=multiple)
    store = prepare_store(
        survey.catalog,
        geometry=geometry,
        plane=survey.plane,
        slices=survey.slices,
        headers=survey.headers,
        cache=cache,
        skip_bad=skip_bad,
        progress=progress,
    )
    for split in SPLITS:
        if not len(store.rows(split)):
            left_out = f" ({len(store.skipped)} files are left out)" if store.skipped else ""
            raise CatalogError(
                f"{survey.catalog.root} has no usable slice for {split}{left_out}; add or repair some, or "
                "split with another seed"
            )
    train = store.rows("train")
    intensity = decide_intensity(store, train, intensity=preparation.intensity)
    leaks = find_leaks(store, intensity, progress=checking)
    if leaks and not allow_leak:
        raise LeakError(leaks)
    mean, std = training_statistics(store, train, intensity)
    return RunData(
        catalog=survey.catalog,
        store=store,
        preparation=Preparation(geometry=geometry, intensity=intensity),
        mean=mean,
        std=std,
        content=store.digest,
        leaks=leaks,
        conditions=measure_conditions(columns, store, train),
    )


def data_record(data: RunData) -> dict[str, Any]:
    """What data.json keeps of a run's data."""
    counts = {split: len(data.rows(split)) for split in SPLITS}
    joint = JointDistribution.measured(data.conditions.space, data.conditions.of(data.rows("train")))
    return {
        "folder": str(data.catalog.root),
        "layout": data.catalog.layout,
        "labels": list(data.labels),
        "slices": counts,
        "subjects": {
            split: len({e.subject for e in data.catalog.entries if e.split == split}) for split in SPLITS
        },
        "notes": list(data.catalog.notes),
        "leaks": [asdict(leak) for leak in data.leaks],
        "skipped": [[str(path), reason] for path, reason in data.store.skipped],
        "preparation": data.preparation.to_dict(),
        "conditions": data.conditions.space.to_dict(),
        "conditions_digest": data.conditions.digest,
        "joint_distribution": joint.to_dict(),
        "mean": data.mean,
        "std": data.std,
        "store": data.store.folder.name,
        "content": data.content,
        "entries": [[e.path.as_posix(), e.subject, e.group, e.split, e.label] for e in data.catalog.entries],
    }


def reopen_data(
    record: dict[str, Any],
    data: DataSettings,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> RunData:
    """A run's data again from its record, prepared anew where the cache is gone.

    Files that only look new, since they were copied or moved, are the run's if their slices are.

    Raises:
        SourceChangedError: files, or what is told of them, were removed or changed since.
    """
    entries = Entries(
        Entry(path=Path(path), subject=subject, group=group, split=split, label=label)
        for path, subject, group, split, label in record["entries"]
    )
    catalog = Catalog(
        root=Path(record["folder"]),
        layout=record["layout"],
        entries=entries,
        labels=tuple(record["labels"]),
        notes=tuple(record["notes"]),
    )
    preparation = Preparation.from_dict(record["preparation"])
    source = StoreKey.of(catalog, geometry=preparation.geometry, plane=data.plane, slices=data.slices)
    content = record["content"]
    if missing := source.missing:
        raise SourceChangedError(
            f"{len(missing)} of the {len(source)} files this run began with are not in {catalog.root}, "
            f"such as {missing[0]}; put them back or, if all were moved, say where to: "
            "scanvq fit NEW_FOLDER --resume --out RUN"
        )
    changed = SourceChangedError(
        f"the scans in {catalog.root} are not those this run began with (files were changed); start a new "
        "run, or put the old files back"
    )
    touched = source.name != record["store"]
    store = prepare_store(
        catalog,
        geometry=preparation.geometry,
        plane=data.plane,
        slices=data.slices,
        cache=cache,
        skip_bad=bool(record["skipped"]),
        progress=progress,
    )
    if touched and store.digest != content:
        raise changed
    space = ConditionSpace.from_dict(record["conditions"])
    conditions = slice_conditions(space, read_columns(catalog, space.names), store)
    if conditions.digest != record["conditions_digest"]:
        raise SourceChangedError(
            f"{', '.join(space.names)} of the scans in {catalog.root} are not those this run began with (a "
            "table of subjects or DICOM headers were changed or are gone); start a new run, or put them back"
        )
    return RunData(
        catalog=catalog,
        store=store,
        preparation=preparation,
        mean=record["mean"],
        std=record["std"],
        content=content,
        leaks=tuple(Leak.from_dict(leak) for leak in record["leaks"]),
        conditions=conditions,
    )


def open_data(run: RunDirectory, settings: DataSettings, *, cache: Path | None = None) -> RunData:
    """The data of a run that training has prepared.

    Raises:
        RunError: no data there yet. SourceChangedError: files were removed or changed since.
    """
    return reopen_data(run.read(run.data), settings, cache=cache)
