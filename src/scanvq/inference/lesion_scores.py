"""How well maps find the lesions of given masks: AUROC, average precision, Dice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.metrics.foreground import foreground
from scanvq.metrics.segmentation import Ranking, dice


@dataclass(frozen=True, kw_only=True)
class MapQuality:
    """How well one kind of map finds lesions, over the foreground pixels of all reported images together.

    Attributes:
        auroc: probability that a pixel of a lesion is higher than another.
        average_precision: area under precision over recall; of a random map the share of lesion pixels.
        dice: at `threshold`, which was chosen on other images.
        threshold: with the highest Dice on the images for the choice.
    """

    auroc: float
    average_precision: float
    dice: float
    threshold: float


@dataclass
class LesionPixels:
    """Collects the pixels of maps and masks, in two parts: to choose the threshold, and to report.

    Pixels outside of the foreground are left out: air is easy, and would raise AUROC.
    """

    _maps: dict[bool, dict[str, list[NDArray[np.float32]]]] = field(
        default_factory=lambda: {True: {}, False: {}}
    )
    _masks: dict[bool, list[NDArray[np.bool_]]] = field(default_factory=lambda: {True: [], False: []})

    def add(
        self,
        images: NDArray[np.generic],
        maps: dict[str, NDArray[np.float32]],
        mask: NDArray[np.bool_],
        *,
        chooses: bool,
    ) -> None:
        """Adds the images of one scan.

        Args:
            images: (n, H, W), any intensity scale.
            maps: by name, (n, H, W) each.
            mask: (n, H, W), True inside a lesion.
            chooses: whether this scan chooses the threshold; else it is reported.
        """
        inside = foreground(torch.from_numpy(np.asarray(images, np.float32))[:, None])[:, 0].numpy() | mask
        for name, values in maps.items():
            self._maps[chooses].setdefault(name, []).append(values[inside].astype(np.float32))
        self._masks[chooses].append(mask[inside])

    def quality(self) -> dict[str, MapQuality]:
        """The quality of each kind of map.

        Raises:
            ValueError: no lesion, or nothing else, in one of the two parts.
        """
        choosing, mask = _joined(self._masks[True]), _joined(self._masks[False])
        if not choosing.any() or not mask.any():
            raise ValueError(
                "AUROC and Dice need lesions in both halves of the scans: one half chooses the threshold, "
                "the other is reported; give more scans with lesions"
            )
        found = {}
        for name, values in self._maps[False].items():
            threshold = Ranking.of(np.concatenate(self._maps[True][name]), choosing).best_threshold
            own = np.concatenate(values)
            ranking = Ranking.of(own, mask)
            found[name] = MapQuality(
                auroc=ranking.auroc,
                average_precision=ranking.average_precision,
                dice=dice(own >= threshold, mask),
                threshold=threshold,
            )
        return found


def chooses_threshold(name: str) -> bool:
    """Whether a scan is in the half that chooses the threshold, by a hash of its name."""
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 0


def _joined(parts: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    return np.concatenate(parts) if parts else np.zeros(0, np.bool_)
