"""Band-passed images with equal contrast on a small grid, in which images are compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanvq.store.band_pass import band_pass, equalize_contrast
from scanvq.store.image_matcher import normalize

Images = NDArray[np.float32]
FINE, COARSE = 0.5, 2.0  # standard deviations of both blurs in cells
RADIUS, FLOOR = 3.0, 0.02  # neighborhood of the local contrast in cells; contrast of noise
CELLS, FEW_CELLS = 64, 32  # along the longer side: of correlations, of features


def grid(shape: tuple[int, int], cells: int) -> tuple[int, int]:
    """Rows and columns of a grid of about square cells, `cells` along the longer side of an image at most."""
    longer = max(shape)
    rows, columns = (min(side, max(8, round(side * cells / longer))) for side in shape)
    return (rows, columns) if cells < longer else shape


def details(images: Images, *, cells: int, offset: tuple[float, float] = (0.0, 0.0)) -> Images:
    """Images (n, H, W) as (n, h, w) of unit norm, without brightness, shading, noise and fine texture.

    Args:
        images: in [0, 1].
        cells: along the longer side.
        offset: rows and columns in pixels by which the grid is moved over the images.
    """
    size = grid((images.shape[1], images.shape[2]), cells)
    passed = band_pass(images, cells=size, fine=FINE, coarse=COARSE, offset=offset)
    return normalize(equalize_contrast(passed, radius=RADIUS, floor=FLOOR).astype(np.float32))
