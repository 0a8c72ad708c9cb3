"""Training scans that the codes of an image occur in: the largest block, and the source of each cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanvq.audit.code_index import Aligned, CodeIndex
from scanvq.metrics.code_blocks import Square, covering_sides, heaviest_square, square_sides

Grids = NDArray[np.integer]
SMALLEST = 2  # side of a block that names a source
NOBODY = -1


@dataclass(frozen=True, kw_only=True)
class CodeMatch:
    """Of one grid.

    Attributes:
        row: of the code index, whose block is the heaviest.
        shift: rows and columns by which its grid is moved.
        block: the heaviest square of equal codes; its weight is in bits.
        sources: (h, w), the person whose block covers a cell and is largest; -1 where nobody's of 2x2 or more
            does, or where more than 10 % of all have the code.
        rare: (h, w), cells that at most 10 % of training images have in common: those that have a source.
    """

    row: int
    shift: tuple[int, int]
    block: Square
    sources: NDArray[np.int64]
    rare: NDArray[np.bool_]

    def shares(self) -> dict[int, float]:
        """Person to the share of the rare cells that come from her, largest first."""
        total = int(self.rare.sum())
        people, counts = np.unique(self.sources[self.rare & (self.sources != NOBODY)], return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return {int(people[place]): float(counts[place] / total) for place in order}


def match_codes(index: CodeIndex, people: NDArray[np.int64], codes: Grids) -> list[CodeMatch]:
    """Matches grids with all training grids.

    Args:
        index: of the training codes.
        people: (n,), whose grid each of the index is.
        codes: (b, h, w).
    """
    rarity, rare = index.rarity(codes), index.is_rare(codes)
    return [
        _match(found, people, bits, important)
        for found, bits, important in zip(index.aligned(codes), rarity, rare, strict=True)
    ]


def _match(
    found: Aligned, people: NDArray[np.int64], bits: NDArray[np.float32], rare: NDArray[np.bool_]
) -> CodeMatch:
    sides = square_sides(found.equal)
    which, block = heaviest_square(sides, bits)
    cover = covering_sides(sides)
    best = cover.argmax(axis=0)  # the first of equal ones: it shares most with the whole grid
    sources = people[found.rows[best]]
    sources = np.where(rare & (cover.max(axis=0) >= SMALLEST), sources, NOBODY)
    down, right = found.shifts[which]
    return CodeMatch(
        row=int(found.rows[which]),
        shift=(int(down), int(right)),
        block=block,
        sources=sources,
        rare=rare,
    )
