"""Panels of one image: original | codes | reconstruction | difference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import Provenance
from scanvq.imaging.formats.png import with_text
from scanvq.report.figures.colors import code_colors, difference_colors, gray
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
    difference: bool = True,
) -> Row:
    """The tiles of one image, side by side.

    Args:
        image: (H, W) in [0, 1].
        grids: the codes (h, w) of every level.
        reconstruction: (H, W) in [0, 1].
        codebook_sizes: K of every level.
        coarsest: (H, W) in [0, 1], decoded from the coarsest codes only; None to leave it out.
        heading: of the row.
        difference: also show the absolute difference.
    """
    tiles = [Tile(pixels=gray(image), label="original"), *code_tiles(grids, codebook_sizes=codebook_sizes)]
    if coarsest is not None:
        tiles.append(Tile(pixels=gray(coarsest), label="coarsest level only"))
    tiles.append(Tile(pixels=gray(reconstruction), label="reconstruction"))
    if difference:
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
    """Writes original | codes of every level | reconstruction as one labeled PNG.

    Args:
        path: of the PNG; its folder is created if missing.
        image: (H, W) in [0, 1].
        grids: the codes (h, w) of every level.
        reconstruction: (H, W) in [0, 1].
        codebook_sizes: K of every level.
        provenance: of the file, written into the PNG.
    """
    row = panel_row(image, grids, reconstruction, codebook_sizes=codebook_sizes, difference=False)
    sheet = Sheet(name=path.stem, rows=(row,), columns=len(row.tiles), fixed=True)
    with atomic_write(path) as temporary:
        png = sheet.draw().png
        temporary.write_bytes(png if provenance is None else with_text(png, str(provenance)))
