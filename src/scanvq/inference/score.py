"""Scores of scan files: bits, residuals, anomaly maps and conformal p-values of each slice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.imaging.formats import Scan, UnreadableScan
from scanvq.imaging.slice_selection import choose_slices
from scanvq.inference.mask_files import read_mask
from scanvq.inference.scan_files import names_of, stems_of
from scanvq.model.calibration import MAP, Calibration, plain_scores
from scanvq.model.model import Model
from scanvq.model.scans import prepare_scan
from scanvq.model.score_maps import Maps, ScoreMaps, score_maps

ANOMALY = "anomaly"
BATCH = 16  # slices that are scored at once, at least


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
    waiting: list[_Read] = []
    for place, (path, name, stem) in enumerate(zip(scans, names, stems_of(names), strict=True)):
        try:
            waiting.append(_read(model, path, name, stem, None if masks is None else (masks[place],)))
        except ValueError:  # what was read before is scored first
            yield from _scored(model, waiting, calibration=calibration, with_prior=with_prior)
            raise
        if sum(len(one.slices) for one in waiting) >= BATCH:
            yield from _scored(model, waiting, calibration=calibration, with_prior=with_prior)
            waiting = []
    yield from _scored(model, waiting, calibration=calibration, with_prior=with_prior)


def score_scan(
    model: Model,
    scan: Scan,
    slices: Sequence[int],
    *,
    name: Path,
    calibration: Calibration | None,
    with_prior: bool = True,
) -> ScoredFile:
    """Scores some slices of a scan in memory; `name` is that of its file, all else as in `score_files`."""
    read = _Read(
        name=name,
        stem=stems_of([name])[0],
        scan=scan,
        slices=np.array(slices, np.int64),
        images=prepare_scan(scan, model.preparation, only=slices),
        mask=None,
    )
    (scored,) = _scored(model, [read], calibration=calibration, with_prior=with_prior)
    return scored


@dataclass(frozen=True, kw_only=True)
class _Read:
    """A scan that was read, with the slices that are scored."""

    name: Path
    stem: Path
    scan: Scan
    slices: NDArray[np.int64]
    images: Tensor
    mask: NDArray[np.bool_] | None


def _read(model: Model, path: Path, name: Path, stem: Path, mask: tuple[Path | None] | None) -> _Read:
    """Reads a scan; `mask` is the file of its mask, None where no masks were given."""
    scan = model.read(path)
    slices = choose_slices(scan.slices, model.recipe.data.slices)
    if not len(slices):
        raise UnreadableScan(path, f"no slice is selected by data.slices = {model.recipe.data.slices}")
    return _Read(
        name=name,
        stem=stem,
        scan=scan,
        slices=slices,
        images=model.prepare(scan)[slices],  # intensities are scaled by the range of the whole scan
        mask=None if mask is None else read_mask(mask[0], scan, plane=model.plane)[slices],
    )


def _scored(
    model: Model, files: Sequence[_Read], *, calibration: Calibration | None, with_prior: bool
) -> Iterator[ScoredFile]:
    """Scores several scans at once, which is faster; the result is that of each alone."""
    if not files:
        return
    together = score_maps(
        model.coder,
        model.prior if with_prior else None,
        torch.cat([one.images for one in files]),
        restoration=None if calibration is None else calibration.restoration,
        device=model.device,
    )
    start = 0
    for one in files:
        found = together.part(start, start + len(one.slices))
        start += len(one.slices)
        yield _scored_file(model, one, found, calibration)


def _scored_file(model: Model, one: _Read, found: ScoreMaps, calibration: Calibration | None) -> ScoredFile:
    maps, scores, p = dict(found.maps), plain_scores(found), {}
    if calibration is not None:
        scores = calibration.scores_of(found)
        p = calibration.p_values(scores)
        maps[ANOMALY] = calibration.anomaly_map(found)
    geometry, size = model.preparation.geometry, one.scan.slices.shape[1:]
    own = {
        kind: np.stack([geometry.undo(each, size, float(each.min()), one.scan.spacing) for each in values])
        for kind, values in maps.items()
    }
    return ScoredFile(
        name=one.name,
        stem=one.stem,
        slices=one.slices,
        found=found,
        pixels=one.scan.slices[one.slices],
        maps=own,
        scores=scores,
        p=p,
        mask=one.mask,
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
