"""Scores of scan files: bits, residuals, anomaly maps and conformal p-values of each slice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import Scan, UnreadableScan
from scanvq.imaging.slice_selection import choose_slices
from scanvq.inference.mask_files import read_mask
from scanvq.inference.scan_files import names_of, stems_of
from scanvq.model.calibration import MAP, Calibration, plain_scores
from scanvq.model.model import Model
from scanvq.model.score_maps import Maps, ScoreMaps, score_maps

ANOMALY = "anomaly"


@dataclass(frozen=True, kw_only=True)
class ScoredFile:
    """The scores of a scan file.

    Attributes:
        name: of the file; relative to the common folder if file names repeat.
        stem: the name without suffixes.
        slices: (n,) indices of the scored slices in the scan.
        found: images, codes and maps, of the network's size.
        pixels: (n, H', W') the slices in the units of the scan.
        maps: by name, (n, H', W') each, of the scan's own size: `residual`, `bits`, `restored`, `anomaly`.
        scores: by name, (n,) each.
        p: p-value by name of the score, (n,) each; {} without calibration.
        mask: (n, H', W'), True inside a lesion; None if no masks were given.
    """

    name: Path
    stem: Path
    slices: NDArray[np.int64]
    found: ScoreMaps
    pixels: NDArray[Any]
    maps: dict[str, Maps]
    scores: dict[str, NDArray[np.float64]]
    p: dict[str, NDArray[np.float64]]
    mask: NDArray[np.bool_] | None

    @property
    def file_p(self) -> float | None:
        """The p-value of the whole file by its map: the lowest of its n slices times n, at most 1."""
        return min(1.0, float(self.p[MAP].min()) * len(self.slices)) if MAP in self.p else None

    @property
    def worst(self) -> int:
        """The place in `slices` of the slice with the highest map score, or residual without calibration."""
        return int(np.argmax(self.scores.get(MAP, self.scores["residual"])))

    def rows(self) -> list[dict[str, Any]]:
        """One row of the CSV for each slice."""
        rows = []
        for place, index in enumerate(self.slices.tolist()):
            row: dict[str, Any] = {"file": self.name.as_posix(), "slice": index}
            row |= {name: float(values[place]) for name, values in self.scores.items()}
            row |= {f"p_{name}": float(values[place]) for name, values in self.p.items()}
            if self.mask is not None:
                row["lesion_pixels"] = int(self.mask[place].sum())
            rows.append(row)
        return rows


def score_files(
    model: Model,
    scans: Sequence[Path],
    *,
    calibration: Calibration | None,
    with_prior: bool = True,
    masks: Sequence[Path | None] | None = None,
) -> Iterator[ScoredFile]:
    """Scores every scan, in the slices that the model was trained on (`data.slices` of its recipe).

    Args:
        model: with a prior that has a likelihood, unless `with_prior` is False.
        scans: files, see `scan_files`.
        calibration: of these weights; None = no p-values and no anomaly map.
        with_prior: False = residuals only.
        masks: the mask of each scan, see `match_masks`.

    Raises:
        ValueError: a mask of another size. UnreadableScan: an unusable file.
        TypeError: a prior without likelihood.
    """
    names = names_of(scans)
    for place, (path, name, stem) in enumerate(zip(scans, names, stems_of(names), strict=True)):
        scan = model.read(path)
        slices = choose_slices(scan.slices, model.recipe.data.slices)
        if not len(slices):
            raise UnreadableScan(path, f"no slice is selected by data.slices = {model.recipe.data.slices}")
        mask = None if masks is None else read_mask(masks[place], scan, plane=model.plane)[slices]
        yield _scored(model, scan, slices, name, stem, mask, calibration=calibration, with_prior=with_prior)


def _scored(
    model: Model,
    scan: Scan,
    slices: NDArray[np.int64],
    name: Path,
    stem: Path,
    mask: NDArray[np.bool_] | None,
    *,
    calibration: Calibration | None,
    with_prior: bool,
) -> ScoredFile:
    found = score_maps(
        model.coder,
        model.prior if with_prior else None,
        model.prepare(scan)[slices],  # intensities are scaled by the range of the whole scan
        restoration=None if calibration is None else calibration.restoration,
        device=model.device,
    )
    maps, scores, p = dict(found.maps), plain_scores(found), {}
    if calibration is not None:
        scores = calibration.scores_of(found)
        p = calibration.p_values(scores)
        maps[ANOMALY] = calibration.anomaly_map(found)
    geometry, size = model.preparation.geometry, scan.slices.shape[1:]
    own = {
        kind: np.stack([geometry.undo(one, size, float(one.min()), scan.spacing) for one in values])
        for kind, values in maps.items()
    }
    return ScoredFile(
        name=name,
        stem=stem,
        slices=slices,
        found=found,
        pixels=scan.slices[slices],
        maps=own,
        scores=scores,
        p=p,
        mask=mask,
    )


def require_likelihood(model: Model, name: str) -> None:
    """Raises ValueError for a model without a prior, or with one that has no likelihood."""
    if not model.has_prior:
        raise ValueError(
            f"{name} has no prior, so its scans have no bits; train one with `scanvq fit --tokenizer`, or "
            "use --residual-only"
        )
    if not model.prior.has_likelihood:
        kinds = ", ".join(sorted({type(prior).__name__ for prior in model.prior.priors}))
        raise ValueError(
            f"the prior of {name} ({kinds}) has no likelihood, so its scans have no bits; use an "
            "autoregressive prior, or --residual-only"
        )
