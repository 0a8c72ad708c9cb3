"""Codes as a picture: cells are set, regions are copied from another scan, and the image follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.app.creating import Created
from scanvq.app.limits import Refused
from scanvq.app.pictures import Figure, Pixels, download, enlarged, figures_html, gray, png
from scanvq.app.uploads import Upload
from scanvq.imaging.formats import Provenance, Source
from scanvq.model.model import Model
from scanvq.model.scans import prepare_scan
from scanvq.report.figures.colors import code_colors, difference_colors

Grids = tuple[NDArray[np.int64], ...]
Cell = tuple[int, int]
SIDE = 640  # pixels of the picture of a grid
UNDO = 50  # steps that are kept
MARK = np.array((255, 40, 40), np.uint8)


@dataclass(frozen=True, kw_only=True)
class CodeImage:
    """The codes (h, w) of every level of one image, and how they were changed.

    Attributes:
        name: where they are from.
        source: whether that was made by a model.
        codes: now.
        original: before any change.
        earlier: for undoing, the latest last.
        corners: the cells that were marked last, one or two; a region goes from one to the other.
        level: to which the cells belong.
    """

    name: str
    source: Source
    codes: Grids
    original: Grids
    earlier: tuple[Grids, ...] = ()
    corners: tuple[Cell, ...] = ()
    level: int = 0

    def changed(self, codes: Grids) -> CodeImage:
        """With other codes."""
        return replace(self, codes=codes, earlier=(*self.earlier, self.codes)[-UNDO:])

    def undone(self) -> CodeImage:
        """Without the last change."""
        if not self.earlier:
            return self
        return replace(self, codes=self.earlier[-1], earlier=self.earlier[:-1])

    def region(self) -> tuple[slice, slice]:
        """Rows and columns of the marked region. Raises Refused if none is marked."""
        if not self.corners:
            raise Refused("no region is marked; click two cells of the codes, its corners")
        rows, columns = zip(*self.corners, strict=True)
        return slice(min(rows), max(rows) + 1), slice(min(columns), max(columns) + 1)


def codes_of_upload(model: Model, upload: Upload, place: int) -> CodeImage:
    """Encodes a slice of an uploaded scan."""
    codes = model.coder.encode(prepare_scan(upload.scan, model.preparation, only=[place]))
    name = upload.name if upload.count == 1 else f"{upload.name}, slice {place + 1}"
    return _code_image(name, upload.source, [level[0].numpy() for level in codes])


def codes_of_created(created: Created | None, number: float) -> CodeImage:
    """The codes of a created image, counted from 1. Raises Refused without it."""
    if created is None:
        raise Refused("no image is created yet; create some in the tab Create")
    count = len(created.images)
    if not 1 <= number <= count:
        raise Refused(f"image is {number:g}; the created images are 1 to {count}")
    grids = [level[int(number) - 1].numpy() for level in created.codes]
    return _code_image(f"created image {int(number)}", "synthetic", grids)


def require_codes(image: CodeImage | None) -> CodeImage:
    """The codes. Raises Refused if there are none yet."""
    if image is None:
        raise Refused("there are no codes yet; upload a scan, or take a created image")
    return image


def clicked_cell(image: CodeImage, level: int, x: float, y: float) -> Cell:
    """The cell of a pixel of `grid_picture`."""
    height, width = image.codes[level].shape
    factor = _factor(image, level)
    return min(int(y // factor), height - 1), min(int(x // factor), width - 1)


def marked(image: CodeImage, level: int, cell: Cell) -> CodeImage:
    """With a cell marked; the second one closes a region, the third begins another."""
    corners = image.corners if level == image.level and len(image.corners) == 1 else ()
    return replace(image, corners=(*corners, cell), level=level)


def with_code(image: CodeImage, level: int, cell: Cell, code: float, *, codebook_size: int) -> CodeImage:
    """With another code in one cell. Raises Refused for a code outside of the codebook."""
    if not 0 <= code < codebook_size or code != int(code):
        raise Refused(f"the code is {code:g}; this level has codes 0 to {codebook_size - 1}")
    grids = [level_codes.copy() for level_codes in image.codes]
    grids[level][cell] = int(code)
    return replace(image.changed(tuple(grids)), corners=(cell,), level=level)


def with_region(image: CodeImage, other: CodeImage) -> CodeImage:
    """With the codes of another image in the marked region, in all levels."""
    rows, columns = image.region()
    height, width = image.codes[image.level].shape
    grids = []
    for own, theirs in zip(image.codes, other.codes, strict=True):
        down, across = own.shape[0] / height, own.shape[1] / width
        part = (
            slice(int(rows.start * down), max(int(rows.stop * down), int(rows.start * down) + 1)),
            slice(
                int(columns.start * across), max(int(columns.stop * across), int(columns.start * across) + 1)
            ),
        )
        copied = own.copy()
        copied[part] = theirs[part]
        grids.append(copied)
    return image.changed(tuple(grids))


def grid_picture(image: CodeImage, level: int, *, codebook_size: int) -> Pixels:
    """The codes of a level in color, with a frame around the marked region."""
    factor = _factor(image, level)
    pixels = enlarged(code_colors(image.codes[level], codebook_size=codebook_size), SIDE)
    if image.corners and image.level == level:
        rows, columns = image.region()
        top, bottom = rows.start * factor, rows.stop * factor - 1
        left, right = columns.start * factor, columns.stop * factor - 1
        for wide in range(max(1, factor // 3)):
            pixels[[top + wide, bottom - wide], left : right + 1] = MARK
            pixels[top : bottom + 1, [left + wide, right - wide]] = MARK
    return pixels


def decoded_html(model: Model, image: CodeImage) -> str:
    """The decoded image, and where it differs from that of the codes as they were."""
    both = tuple(torch.from_numpy(np.stack(pair)) for pair in zip(image.codes, image.original, strict=True))
    now, before = model.preparation.to_native(model.coder.decode(both)[:, 0].numpy())
    cells = sum(int((new != old).sum()) for new, old in zip(image.codes, image.original, strict=True))
    provenance = Provenance(model=model.id, derived=image.source)
    content = png(gray(now), provenance)
    figure = Figure(
        png=content,
        caption=f"decoded from these codes, {cells} of them changed",
        created=True,
        links=(download("edited.png", content, "image/png", "PNG"),),
    )
    groups = [[figure]]
    if cells:
        change = png(difference_colors(now, before))
        groups.append([Figure(png=change, caption="difference from the unchanged codes")])
    return figures_html(groups, wide=True)


def _code_image(name: str, source: Source, grids: Sequence[NDArray[np.int64]]) -> CodeImage:
    codes = tuple(grid.copy() for grid in grids)
    return CodeImage(name=name, source=source, codes=codes, original=codes)


def _factor(image: CodeImage, level: int) -> int:
    return max(1, SIDE // max(image.codes[level].shape))
