"""The data of a run: splits, prepared store, intensity scaling, conditions and training statistics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, FiniteFloat

from scanvq.cohort.catalog import Catalog, CatalogError, Entry
from scanvq.cohort.condition_sources import read_columns
from scanvq.cohort.conditions import used_columns
from scanvq.cohort.entries import Entries
from scanvq.cohort.survey import Survey, survey_folder
from scanvq.conditions.joint_distribution import JointDistribution
from scanvq.conditions.space import ConditionSpace
from scanvq.imaging.formats import Header
from scanvq.imaging.intensity import COMPARABLE
from scanvq.imaging.preparation import NativeFormat, Preparation
from scanvq.settings import DataSettings, PreparationSettings
from scanvq.storage.files import reading_field, validated
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.dataset import SliceDataset
from scanvq.store.digest import digest_images
from scanvq.store.leakage import Leak, LeakError, find_leaks
from scanvq.store.slice_conditions import SliceConditions, measure_conditions, slice_conditions
from scanvq.store.statistics import decide_intensity, training_statistics
from scanvq.store.store import Store, prepare_store
from scanvq.store.store_key import StoreKey

SPLITS = ("train", "validation", "test")
Progress = Callable[[int, int], None]
OWN_RANGES = f"each file is scaled by its own intensities: ranges differ by a factor above {COMPARABLE:g}"


class DataChangedError(ValueError):
    """The scans differ from those that the run was started with."""


@dataclass(frozen=True, kw_only=True)
class RunData:
    """The slices of a run: subject-level splits, preparation, statistics and conditions.

    Attributes:
        catalog: the files, with splits.
        store: the prepared slices.
        preparation: geometry and intensity scaling.
        mean, std: statistics of the training intensities in [0, 1].
        content: content digest of all slices, which identifies the data of derived files.
        leaks: allowed leaks between splits.
        conditions: conditions of all slices of the store.
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
        """The labels of the run; () = no labels."""
        return self.conditions.space.labels

    def rows(self, split: str) -> NDArray[np.int64]:
        return self.store.rows(split)

    def dataset(self, split: str, *, limit: int | None = None) -> SliceDataset:
        """The images of a split, or `limit` of them, evenly spread, where there are more."""
        rows = self.rows(split)
        if limit is not None and len(rows) > limit:
            rows = rows[np.linspace(0, len(rows) - 1, limit).round().astype(np.int64)]
        return SliceDataset(self.store, rows, self.preparation.intensity, self.conditions)

    def subjects(self, split: str) -> NDArray[np.int64]:
        """The subject of each image of a split as a number, (n,); subjects that belong together are one."""
        numbers: dict[str, int] = {}
        entries = [numbers.setdefault(entry.group, len(numbers)) for entry in self.catalog.entries]
        return np.array(entries, np.int64)[self.store.entry[self.rows(split)]]


def survey_data(folder: Path, data: DataSettings, preparation: PreparationSettings, *, seed: int) -> Survey:
    """Surveys a folder with the settings of a recipe, see `survey_folder`."""
    return survey_folder(
        folder,
        images=data.images,
        subject=data.subject,
        suffix=data.suffix,
        allow_synthetic=data.allow_synthetic,
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
    """Prepares the slices of a data set, and checks its splits for leakage.

    Args:
        survey: files, splits and headers, from `survey_data` with the same `preparation`.
        preparation: preparation settings.
        multiple: divisor of height and width (the downsampling factor of the tokenizer).
        conditions: names of the selected conditions; () = the label, if there are labels.
        skip_bad: skip unusable files instead of raising BadScans.
        allow_leak: continue if the splits leak.
        cache: folder for prepared stores; None = the user's cache folder.
        progress: called with the numbers of completed and of all files.
        checking: called with the numbers of images checked for leakage and of all.

    Raises:
        CatalogError: no usable slice in a split, or conditions that the scans do not have.
        BadScans: unusable files.
        LeakError: subjects or scans on two sides of a split.
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
            skipped = f" ({len(store.skipped)} files are skipped)" if store.skipped else ""
            raise CatalogError(
                f"{survey.catalog.root} has no usable slice for {split}{skipped}; add or repair some, or "
                "split with another seed"
            )
    train = store.rows("train")
    intensity = decide_intensity(store, train, intensity=preparation.intensity)
    leaks = find_leaks(store, intensity, progress=checking)
    if leaks and not allow_leak:
        raise LeakError(leaks)
    mean, std = training_statistics(store, train, intensity)
    catalog = survey.catalog
    if preparation.intensity == "auto" and intensity.kind == "file":
        catalog = replace(catalog, notes=(*catalog.notes, OWN_RANGES))
    return RunData(
        catalog=catalog,
        store=store,
        preparation=Preparation(geometry=geometry, intensity=intensity, native=_native_format(survey)),
        mean=mean,
        std=std,
        content=store.digest,
        leaks=leaks,
        conditions=measure_conditions(columns, store, train),
    )


def _native_format(survey: Survey) -> NativeFormat | None:
    trained = [
        header
        for entry, header in zip(survey.catalog.entries, survey.headers, strict=True)
        if entry.split == "train" and isinstance(header, Header)
    ]
    return NativeFormat.of(trained)


def data_record(data: RunData) -> dict[str, Any]:
    """The content of data.json."""
    counts = {split: len(data.rows(split)) for split in SPLITS}
    joint = JointDistribution.measure(data.conditions.space, data.conditions.of(data.rows("train")))
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
        "test_content": _test_content(data),
        "entries": [[e.path.as_posix(), e.subject, e.group, e.split, e.label] for e in data.catalog.entries],
    }


def _test_content(data: RunData) -> str:
    """A digest of the test images in native units, whatever the other splits are."""
    rows = data.rows("test")
    return digest_images(data.store.native(rows[start : start + 64]) for start in range(0, len(rows), 64))


class DataRecord(BaseModel):
    """The fields of data.json that are needed to open the data again."""

    folder: str
    layout: str
    labels: list[str]
    notes: list[str]
    leaks: list[dict[str, Any]]
    skipped: list[tuple[str, str]]
    preparation: dict[str, dict[str, Any] | None]
    conditions: dict[str, Any] | list[Any]
    conditions_digest: str
    mean: FiniteFloat
    std: FiniteFloat
    store: str
    content: str
    entries: list[tuple[str, str, str, Literal["train", "validation", "test"], str | None]]


def reopen_data(
    record: dict[str, Any],
    data: DataSettings,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> RunData:
    """Reopens the data of a run from data.json; prepares it again if the cache was removed.

    Files that were copied or moved are accepted if their slices are equal.

    Args:
        record: content of data.json.
        data: data settings of the run.
        cache: folder for prepared stores; None = the user's cache folder.
        progress: called with the numbers of completed and of all files.

    Raises:
        DataChangedError: files or conditions were removed or changed.
    """
    file = Path("data.json")
    validated(file, record, DataRecord)
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
    with reading_field(file, "preparation"):
        preparation = Preparation.from_dict(record["preparation"])
    with reading_field(file, "conditions"):
        space = ConditionSpace.from_dict(record["conditions"])
    with reading_field(file, "leaks"):
        leaks = tuple(Leak.from_dict(leak) for leak in record["leaks"])
    key = StoreKey.of(catalog, geometry=preparation.geometry, plane=data.plane, slices=data.slices)
    content = record["content"]
    left_out = {path for path, _ in record["skipped"]}
    if missing := [path for path in key.missing if str(path) not in left_out]:
        raise DataChangedError(
            f"{len(missing)} of the {len(key)} files of this run are not in {catalog.root}, "
            f"such as {missing[0]}; restore them or, if all were moved, name the new folder: "
            "scanvq fit NEW_FOLDER --resume --out RUN"
        )
    changed = DataChangedError(
        f"the scans in {catalog.root} are not those of this run (files were changed); start a new run, or "
        "restore the files"
    )
    is_modified = key.name != record["store"]
    store = prepare_store(
        catalog,
        geometry=preparation.geometry,
        plane=data.plane,
        slices=data.slices,
        cache=cache,
        skip_bad=bool(record["skipped"]),
        progress=progress,
    )
    if is_modified and store.digest != content:
        raise changed
    conditions = slice_conditions(space, read_columns(catalog, space.names), store)
    if conditions.digest != record["conditions_digest"]:
        raise DataChangedError(
            f"{', '.join(space.names)} of the scans in {catalog.root} are not those of this run (a "
            "subject table or DICOM headers were changed or removed); start a new run, or restore them"
        )
    return RunData(
        catalog=catalog,
        store=store,
        preparation=preparation,
        mean=record["mean"],
        std=record["std"],
        content=content,
        leaks=leaks,
        conditions=conditions,
    )


def open_data(run: RunDirectory, settings: DataSettings, *, cache: Path | None = None) -> RunData:
    """Opens the data that training has prepared for a run.

    Raises:
        RunError: the run has no data yet.
        DataChangedError: files were removed or changed.
    """
    return reopen_data(run.read(run.data), settings, cache=cache)
