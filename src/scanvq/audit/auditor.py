"""Compares images with all real images of a run, in pixel, feature and code space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanvq.audit.code_index import CodeIndex
from scanvq.audit.code_matches import CodeMatch, match_codes
from scanvq.audit.evidence import HeldOutEvidence
from scanvq.audit.image_index import ImageIndex
from scanvq.audit.neighbors import Neighbors, NeighborSearch
from scanvq.audit.scans import Grids, Images, Scans, batches
from scanvq.types import Progress

HIGHEST = 1 - 1e-6  # correlation
PART = 128  # images whose codes are matched at once


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Of one image: its neighbors, its codes' matches, and similarities to people.

    Attributes:
        neighbors: in pixel and feature space.
        match: in code space.
        training_people, held_out_people: (people,) similarity by features.
    """

    neighbors: Neighbors
    match: CodeMatch
    training_people: NDArray[np.float32]
    held_out_people: NDArray[np.float32]

    def evidence(self) -> dict[str, float]:
        """By space, how alike it is to a training image; size of the largest block, largest share.

        Correlations are on Fisher's scale, arctanh, on which they have no upper end that copies crowd at.
        """
        return {
            "pixels": _fisher(self.neighbors.training.correlation),
            "features": _fisher(self.neighbors.similarity),
            "codes": float(np.log2(1 + self.match.block.weight)),
            "block_sides": self.match.block.side,
            "top_shares": max(self.match.shares().values(), default=0.0),
        }


def _fisher(correlation: float) -> float:
    return float(np.arctanh(np.clip(correlation, -HIGHEST, HIGHEST)))


class Auditor:
    """Finds what images are near to.

    Args:
        training, held_out: the real images.
        index: of their pixels.
        codebook_size: of the level whose codes `training` has.
    """

    def __init__(self, training: Scans, held_out: Scans, index: ImageIndex, *, codebook_size: int) -> None:
        self.training, self.held_out, self.index = training, held_out, index
        grids, people = [training.codes], [training.people]
        if training.mirrored is not None:
            grids.append(training.mirrored)
            people.append(training.people)
        self.code_people = np.concatenate(people)
        self.codes = CodeIndex(np.concatenate(grids), codebook_size)
        shape = training.read(np.array([0])).shape[1:]
        self._search = NeighborSearch(
            index, (shape[0], shape[1]), np.concatenate([training.people, held_out.people])
        )

    def find(
        self, images: Images, codes: Grids, *, people: NDArray[np.int64] | None = None
    ) -> Iterator[Finding]:
        """The findings of images, one by one.

        Args:
            images: (n, H, W) in [0, 1].
            codes: (n, h, w), of the same level as the training codes.
            people: (n,), whose images they are, if they are held-out ones; their own are left out.
        """
        for part in batches(len(images), PART):
            matches = match_codes(self.codes, self.code_people, codes[part])
            place = 0
            for similarity in self._search.similarities(images[part]):
                training, held_out = self._search.by_person(similarity)
                for own, row in enumerate(similarity):
                    number = part[place]
                    person = -1 if people is None else int(people[number])
                    yield Finding(
                        neighbors=self._search.neighbors(images[number], row, person=person),
                        match=matches[place],
                        training_people=training[own],
                        held_out_people=held_out[own],
                    )
                    place += 1

    def held_out_evidence(self, images: Images, *, progress: Progress | None = None) -> HeldOutEvidence:
        """What the held-out people's images look like; `images` are theirs, as they are or decoded."""
        found: list[dict[str, float]] = []
        for finding in self.find(images, self.held_out.codes, people=self.held_out.people):
            found.append(finding.evidence())
            if progress is not None:
                progress(len(found), len(images))
        arrays = {name: np.array([one[name] for one in found], np.float64) for name in found[0]}
        return HeldOutEvidence.by_person(arrays, self.held_out.people)

    def code_row(self, match: CodeMatch) -> int:
        """The training image whose codes, or mirrored codes, a match is with."""
        return match.row % len(self.training)
