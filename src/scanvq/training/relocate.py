"""Points a run to scans that were moved to another folder."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from scanvq.cohort.catalog import CatalogError
from scanvq.recipe.reading import read_recipe
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.run_data import reopen_data
from scanvq.training.fit_request import FitRequest
from scanvq.types import Progress


def relocate(
    run: RunDirectory,
    folder: Path,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Changes the folder of scans of a run to one with exactly the same scans.

    Args:
        run: made by `new_run`.
        folder: the scans, or their table, as `fit` takes them.
        cache: where prepared stores are kept; None = the cache folder of the user.
        progress: called with the number of files prepared again and of all files.

    Raises:
        CatalogError: no such folder.
        DataChangedError: the scans in the folder are not the same. The run is not changed.
    """
    request = FitRequest(**run.read_settings())
    if not folder.exists():
        raise CatalogError(f"there is no folder {folder}")
    if run.data.exists():
        record, root = run.read(run.data), str(folder if folder.is_dir() else folder.parent)
        if record["folder"] == root:
            return
        record["folder"] = root
        reopen_data(record, read_recipe(run.recipe).data, cache=cache, progress=progress)
        run.write(run.data, record)
    run.write_settings(asdict(replace(request, folder=str(folder))))
