"""A run whose scans lie elsewhere now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from scanvq.cohort.catalog import CatalogError
from scanvq.recipe.reading import read_recipe
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.run_data import reopen_data
from scanvq.training.fit_request import FitRequest


def relocate(
    run: RunDirectory,
    folder: Path,
    *,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Makes a run look for its scans in another folder, if it has the very same ones.

    Args:
        run: made by `new_run`.
        folder: the scans, or their table, as `fit` takes them.
        cache: where prepared stores are kept; None is the user's cache folder.
        progress: called with files prepared anew and all files.

    Raises:
        CatalogError: no such folder.
        SourceChangedError: the folder lacks some of them, or has others. The run is left as it is.
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
