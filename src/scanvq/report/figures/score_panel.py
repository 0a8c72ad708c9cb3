"""Panels of a scored scan: original | reconstruction | bits | residual | restored | anomaly map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.inference.score import ScoredFile
from scanvq.metrics.rate import bits_per_pixel
from scanvq.model.calibration import MAP
from scanvq.model.model import Model
from scanvq.report.figures.colors import DIFFERENCE_WHITE, gray, heat_colors, outlined
from scanvq.report.figures.tiles import Row, Sheet, Tile
from scanvq.storage.files import write_bytes

ANOMALY_BRIGHTEST = 5.0  # standard deviations
LABELS = {
    "bits": "bits of codes",
    "residual": "residual",
    "restored": "restored residual",
    "anomaly": "anomaly map",
}


def score_row(
    image: NDArray[Any],
    maps: Mapping[str, NDArray[Any]],
    *,
    brightest_bits: float,
    mask: NDArray[np.bool_] | None = None,
    heading: str = "",
) -> Row:
    """The tiles of one image, side by side.

    Args:
        image: (H, W) in [0, 1].
        maps: (H, W) each, by a name of `LABELS`.
        brightest_bits: bits per pixel in the brightest color.
        mask: (H, W), True inside a lesion: its border is drawn on the image and on the anomaly map.
        heading: of the row.
    """
    brightest = {"bits": brightest_bits, "anomaly": ANOMALY_BRIGHTEST}
    tiles = [Tile(pixels=gray(image) if mask is None else outlined(gray(image), mask), label="original")]
    for name, label in LABELS.items():
        if name in maps:
            pixels = heat_colors(maps[name], brightest=brightest.get(name, DIFFERENCE_WHITE))
            if mask is not None and name == "anomaly":
                pixels = outlined(pixels, mask)
            tiles.append(Tile(pixels=pixels, label=label))
    return Row(tiles=tuple(tiles), heading=heading)


def score_rows(file: ScoredFile, places: Sequence[int], *, model: Model) -> tuple[Row, ...]:
    """A row for each of some slices of a scored scan.

    Args:
        file: the scored scan.
        places: in `file.slices`.
        model: that scored it, for the scale of the bits.
    """
    geometry, sizes = model.preparation.geometry, model.tokenizer.codebook_sizes
    brightest = 2 * bits_per_pixel(model.code_shapes, sizes, geometry.height, geometry.width)
    low, high = float(file.pixels.min()), float(file.pixels.max())
    rows = []
    for place in places:
        p = f", p {file.p[MAP][place]:.3f}" if MAP in file.p else ""
        row = score_row(
            (file.pixels[place] - low) / max(high - low, 1e-9),
            {name: maps[place] for name, maps in file.maps.items()},
            brightest_bits=brightest,
            mask=None if file.mask is None else file.mask[place],
            heading=f"{file.name.name}, slice {file.slices[place]}{p}",
        )
        rows.append(row)
    return tuple(rows)


def save_score_panel(path: Path, rows: tuple[Row, ...]) -> None:
    """Writes rows of `score_row` as one labeled PNG; its folder is created if missing."""
    sheet = Sheet(name=path.stem, rows=rows, columns=len(rows[0].tiles), fixed=True)
    write_bytes(path, sheet.draw().png)
