"""The calibration of a model: the stored one if it fits, else a new one, which is stored in the run."""

from __future__ import annotations

from pathlib import Path

from scanvq.inference.calibrate import calibrate
from scanvq.model.calibration import Calibration
from scanvq.model.model import Model
from scanvq.model.score_maps import Sign
from scanvq.storage.files import write_text
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.run_data import DataChangedError, open_data
from scanvq.types import Progress

RESTORATIONS = 4
INSTEAD = "; p-values compare with the run's held-out scans: without them use --calibrate none"


def calibration_for(
    model: Model,
    path: Path,
    *,
    split: str = "validation",
    restorations: int | None = None,
    with_prior: bool = True,
    sign: Sign | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """The calibration of a model from a run directory or a file.

    Args:
        model: loaded from `path`.
        path: run directory, model file, or name of a shipped model.
        split: whose people are used.
        restorations: of an image; None = those of the stored calibration, else 4.
        with_prior: False = residuals only.
        sign: of anomalies beside the restoration; None = that of the stored calibration, else any.
        cache: of prepared stores.
        progress: called with images done and all, where it is computed.

    Raises:
        ValueError: a model file without a fitting calibration, or a run whose scans were changed.
    """
    stored = model.calibration
    if (
        stored is not None
        and stored.split == split
        and (stored.prior is not None) == with_prior
        and restorations in (None, stored.restorations)
        and sign in (None, stored.sign)
    ):
        return stored
    if not path.is_dir():
        has = "no calibration" if stored is None else f"another calibration ({described(stored)})"
        raise ValueError(
            f"{path} is a model file with {has}; score a scan with its run, as you want it here, and save "
            "the model again, or use --calibrate none"
        )
    directory = RunDirectory(path)
    try:
        data = open_data(directory, model.recipe.data, cache=cache)
    except DataChangedError as error:
        raise ValueError(f"{error}{INSTEAD}") from error
    count = RESTORATIONS if restorations is None else restorations
    if sign not in (None, "any") and not (with_prior and count):
        raise ValueError(f"anomalies {sign} than the restoration need restorations; they are switched off")
    found = calibrate(
        model,
        data,
        split=split,
        restorations=count,
        with_prior=with_prior,
        sign=sign or "any",
        progress=progress,
    )
    write_text(directory.calibration, found.model_dump_json() + "\n")
    return found


def described(calibration: Calibration) -> str:
    """The settings of a calibration in a few words."""
    kind = "residuals only" if calibration.prior is None else f"{calibration.restorations} restorations"
    return f"{calibration.people} people of {calibration.split}, {kind}, anomalies {calibration.sign}"
