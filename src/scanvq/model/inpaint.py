"""Inpainting: samples the codes of the unknown region of a scan; known pixels stay unchanged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from scanvq.conditions.condition import Condition
from scanvq.imaging.formats import Scan, Spacing
from scanvq.imaging.preparation import Preparation
from scanvq.model.array_checks import check_draws
from scanvq.model.coder import Coder
from scanvq.model.decoders import Decoders
from scanvq.model.sample import fill_codes
from scanvq.model.scans import Images, prepare_scan, restore_scan
from scanvq.model.seam import without_seam
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.types import UNKNOWN, Codes, SamplingParams

REGIONS = ("top-half", "bottom-half", "left-half", "right-half")


def unknown_region(keep: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask (H, W), True in the half that is not kept. Raises ValueError for an unknown `keep`."""
    if keep not in REGIONS:
        raise ValueError(f"keep is {keep!r}; use one of {', '.join(REGIONS)}, or give a mask")
    height, width = shape
    unknown = np.ones(shape, np.bool_)
    rows, columns = {
        "top-half": (slice(None, height // 2), slice(None)),
        "bottom-half": (slice(height // 2, None), slice(None)),
        "left-half": (slice(None), slice(None, width // 2)),
        "right-half": (slice(None), slice(width // 2, None)),
    }[keep]
    unknown[rows, columns] = False
    return unknown


def inpaint_images(
    coder: Coder,
    prior: HierarchicalPrior,
    images: Images,
    mask: NDArray[np.bool_],
    *,
    count: int = 1,
    condition: Condition | None = None,
    params: SamplingParams,
    decoders: Decoders | None = None,
    decoder: str | None = None,
    seed: int,
    device: torch.device,
) -> list[Scan]:
    """Samples several completions of a scan.

    The values of unknown pixels are never used: they are first set to the darkest known value of their
    slice. Codes next to them are resampled too, since they depend on that value.

    Args:
        coder: of the tokenizer.
        prior: in evaluation mode, on `device`.
        images: the scan to complete.
        mask: (S, H, W), True where a pixel is unknown; or (H, W), the same for every slice. Slices are
            completed one by one: each depends on its own known pixels only.
        count: number of completions.
        condition: of every slice, (n,) each; None = all absent.
        params: temperature, top-k, top-p.
        decoders: decodes the completions; None = `coder`.
        decoder: see `Decoders.decoder_of`. The natural one has texture of its own, so the gray values
            next to the known pixels are made to meet theirs.
        seed: of the completions.
        device: of the computation.

    Returns:
        `count` scans whose known pixels equal those of `images` bit for bit.

    Raises:
        ValueError: a mask of another size, nothing unknown or nothing known, or a prior that cannot inpaint.
    """
    scan, preparation = images.scan, images.preparation
    if mask.shape not in (scan.slices.shape, scan.slices.shape[1:]):
        given, size = ("x".join(map(str, shape)) for shape in (mask.shape, scan.slices.shape[-mask.ndim :]))
        raise ValueError(f"the mask is {given}, the scan {size}; they must have the same size")
    mask = np.broadcast_to(mask, scan.slices.shape)
    check_draws(count, seed, seeds=count)
    if not mask.any():
        raise ValueError("the mask marks nothing as unknown (white), so there is nothing to fill in")
    if mask.all():
        raise ValueError("the mask marks everything as unknown; use `scanvq sample` for whole new images")
    if not prior.can_inpaint:
        raise ValueError(
            "the prior of this run generates whole images only; inpainting needs a maskgit or an "
            "autoregressive prior"
        )
    blanked = _blanked(scan, mask)
    touched = np.flatnonzero(mask.any(axis=(1, 2))).tolist()  # all other slices stay as they are
    codes = coder.encode(prepare_scan(blanked, preparation, only=touched))
    known = known_codes(codes, _prepared_masks(mask[touched], scan.spacing, preparation))
    if condition is not None:
        condition = condition[torch.tensor(touched)]
    completions = []
    for number in range(count):
        filled = fill_codes(
            prior, known, condition=condition, params=params, seed=seed + number, device=device
        )
        if decoders is None:
            decoded = coder.decode(filled)
        else:
            decoded = decoders.decode(filled, decoder=decoder, seed=seed + number)
        completed = restore_scan(decoded, blanked, preparation, only=touched).slices
        if decoders is not None and decoders.decoder_of(decoder) == "natural":
            completed = without_seam(completed, scan.slices, mask)
        slices = np.where(mask, completed, scan.slices)
        completions.append(replace(scan, slices=slices))
    return completions


def known_codes(codes: Codes, unknown: Tensor) -> Codes:
    """Codes with UNKNOWN in every cell that contains, or is one of eight neighbors of, an unknown pixel.

    Cells of a finer level under an unknown coarser cell are unknown too: they refine the coarser code, which
    is resampled.

    Args:
        codes: of every level, (n, h, w).
        unknown: (n, H, W) bool.
    """
    levels: list[Tensor] = []
    for level in codes:
        pooled = F.adaptive_max_pool2d(unknown.float()[:, None], level.shape[1:])
        touched = F.max_pool2d(pooled, 3, stride=1, padding=1)[:, 0] > 0  # (n, h, w)
        if levels:
            coarser = (levels[-1] == UNKNOWN).float()[:, None]
            touched |= F.interpolate(coarser, size=level.shape[1:])[:, 0] > 0
        levels.append(torch.where(touched, UNKNOWN, level))
    return tuple(levels)


def _blanked(scan: Scan, mask: NDArray[np.bool_]) -> Scan:
    """The scan with the darkest known value of each slice, or of the scan, in place of unknown pixels."""
    darkest = [
        pixels[~unknown].min() if not unknown.all() else scan.slices[~mask].min()
        for pixels, unknown in zip(scan.slices, mask, strict=True)
    ]
    blank = np.array(darkest, scan.slices.dtype)[:, None, None]
    return replace(scan, slices=np.where(mask, blank, scan.slices))


def _prepared_masks(mask: NDArray[np.bool_], spacing: Spacing | None, preparation: Preparation) -> Tensor:
    """Masks (n, H, W) in the network's geometry: padding is known, pixels that overlap a mask are unknown."""
    prepared = [preparation.geometry.apply(one.astype(np.uint8) * 255, spacing) for one in mask]
    return torch.from_numpy(np.stack(prepared) > 0)
