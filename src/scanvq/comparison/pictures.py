"""The same test images reconstructed by every run, and scans that each has created."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanvq.comparison.compared_run import ComparedRun
from scanvq.model.model import Model
from scanvq.report.figures.colors import gray
from scanvq.report.figures.tiles import Row, Sheet, Tile
from scanvq.report.nearest_pairs import scored_codes
from scanvq.report.pictures import images_of, spread
from scanvq.store.run_data import open_data

SHOWN = 4
RECONSTRUCTIONS, CREATED = "reconstructions", "created"


def comparison_sheets(runs: Sequence[ComparedRun], models: Sequence[Model]) -> tuple[list[Sheet], list[str]]:
    """The sheets `reconstructions` and `created`, and why pictures are missing.

    Args:
        runs: of one test set.
        models: of the runs.
    """
    missing, rebuilt, created = [], list[Row](), list[Row]()
    for run, model in zip(runs, models, strict=True):
        try:
            dataset = open_data(run.directory, model.recipe.data).dataset("test")
        except (OSError, ValueError) as error:
            missing.append(f"Reconstructions of {run.name}: {error}")
        else:
            images = images_of(dataset, spread(len(dataset), SHOWN))
            if not rebuilt:
                rebuilt.append(_row("original", images))
            decoded = model.coder.decode(model.coder.encode(model.prepare(images)))
            rebuilt.append(_row(run.name, decoded[:, 0].numpy()))
        codes = scored_codes(run.directory.sample_codes, run.prior_id, 2 * SHOWN)
        if codes is not None:
            scans = model.decoders.decode(codes, seed=0)[:, 0].numpy()
            created.append(_row(run.name, scans, synthetic=True))
        elif run.prior:
            missing.append(f"Created scans of {run.name}: run `scanvq evaluate {run.name} --samples 200`.")
    sheets = [
        Sheet(name=RECONSTRUCTIONS, rows=tuple(rebuilt), columns=SHOWN, fixed=True),
        Sheet(name=CREATED, rows=tuple(created), columns=2 * SHOWN),
    ]
    return [sheet for sheet in sheets if sheet.rows], missing


def _row(heading: str, images: np.ndarray, *, synthetic: bool = False) -> Row:
    return Row(heading=heading, tiles=tuple(Tile(pixels=gray(one), synthetic=synthetic) for one in images))
