"""Panels of one image: original | codes | reconstruction | difference; given | completions | spread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import Provenance
from scanvq.imaging.formats.png import with_text
from scanvq.report.figures.colors import (
    DIFFERENCE_WHITE,
    code_colors,
    difference_colors,
    gray,
    heat_colors,
    outlined,
)
from scanvq.report.figures.tiles import Row, Sheet, Tile
from scanvq.storage.files import atomic_write


def panel_row(
    image: NDArray[Any],
    grids: Sequence[NDArray[np.integer[Any]]],
    reconstruction: NDArray[Any],
    *,
    codebook_sizes: Sequence[int],
    coarsest: NDArray[Any] | None = None,
    heading: str = "",
) -> Row:
    """The tiles of one image, side by side; the last is the absolute difference.

    Args:
        image: (H, W) in [0, 1].
        grids: the codes (h, w) of every level.
        reconstruction: (H, W) in [0, 1].
        codebook_sizes: K of every level.
        coarsest: (H, W) in [0, 1], decoded from the coarsest codes only; None to leave it out.
        heading: of the row.
    """
    tiles = [Tile(pixels=gray(image), label="original"), *code_tiles(grids, codebook_sizes=codebook_sizes)]
    if coarsest is not None:
        tiles.append(Tile(pixels=gray(coarsest), label="coarsest level only"))
    tiles.append(Tile(pixels=gray(reconstruction), label="reconstruction"))
    tiles.append(Tile(pixels=difference_colors(image, reconstruction), label="difference"))
    return Row(tiles=tuple(tiles), heading=heading)


def code_tiles(
    grids: Sequence[NDArray[np.integer[Any]]], *, codebook_sizes: Sequence[int], synthetic: bool = False
) -> list[Tile]:
    """The codes of every level as images, one pixel per code."""
    return [
        Tile(
            pixels=code_colors(grid, codebook_size=size),
            label=f"codes {grid.shape[0]}x{grid.shape[1]}",
            synthetic=synthetic,
            pixelated=True,
        )
        for grid, size in zip(grids, codebook_sizes, strict=True)
    ]


def save_panel(
    path: Path,
    image: NDArray[Any],
    grids: Sequence[NDArray[np.integer[Any]]],
    reconstruction: NDArray[Any],
    *,
    codebook_sizes: Sequence[int],
    provenance: Provenance | None = None,
) -> None:
    """Writes original | codes of every level | reconstruction | difference as one labeled PNG.

    Args:
        path: of the PNG; its folder is created if missing.
        image: (H, W) in [0, 1].
        grids: the codes (h, w) of every level.
        reconstruction: (H, W) in [0, 1].
        codebook_sizes: K of every level.
        provenance: of the file, written into the PNG.
    """
    row = panel_row(image, grids, reconstruction, codebook_sizes=codebook_sizes)
    _save(path, row, provenance)


def save_completions(
    path: Path,
    image: NDArray[Any],
    unknown: NDArray[np.bool_],
    completions: NDArray[Any],
    *,
    provenance: Provenance,
) -> None:
    """Writes given | completions | spread as one labeled PNG.

    Args:
        path: of the PNG; its folder is created if missing.
        image: (H, W) in [0, 1].
        unknown: (H, W), true where pixels were completed; black in the picture.
        completions: (n, H, W) in [0, 1]. The spread is their standard deviation; left out for one.
        provenance: of the file, written into the PNG.
    """
    given = outlined(gray(np.where(unknown, 0, image)), unknown)
    tiles = [Tile(pixels=given, label="given")]
    tiles += [
        Tile(pixels=gray(completion), label=f"#{number}", synthetic=True)
        for number, completion in enumerate(completions)
    ]
    if len(completions) > 1:
        spread = heat_colors(completions.std(axis=0), brightest=DIFFERENCE_WHITE)
        tiles.append(Tile(pixels=spread, label="spread"))
    _save(path, Row(tiles=tuple(tiles)), provenance)


def _save(path: Path, row: Row, provenance: Provenance | None) -> None:
    sheet = Sheet(name=path.stem, rows=(row,), columns=len(row.tiles), fixed=True)
    with atomic_write(path) as temporary:
        png = sheet.png()
        temporary.write_bytes(png if provenance is None else with_text(png, str(provenance)))
