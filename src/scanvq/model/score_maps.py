"""Maps of an image: bits of its codes, reconstruction error, and error after restoration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from scanvq.metrics.foreground import foreground
from scanvq.model.coder import Coder
from scanvq.model.restore import restore_codes
from scanvq.model.score import BATCH
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.types import Codes

Maps = NDArray[np.float32]
Sign = Literal["any", "brighter", "darker"]
"""Of anomalies beside the restored image."""
RESIDUAL, BITS, RESTORED = "residual", "bits", "restored"


@dataclass(frozen=True, kw_only=True)
class Restoration:
    """How improbable codes are replaced, see `restore_codes`.

    Attributes:
        above: bits of a code above which it is sampled again.
        count: restorations of an image, of which the error is the mean.
        sign: pixels that count as error: all that differ, or those brighter or darker than the restoration.
        seed: of the samples.

    Raises:
        ValueError: another sign.
    """

    above: float
    count: int = 4
    sign: Sign = "any"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sign not in get_args(Sign):
            raise ValueError(f"the sign of anomalies is {self.sign!r}; use {', '.join(get_args(Sign))}")

    def error(self, images: Maps, restored: Maps) -> Maps:
        """The mean error (n, H, W) of images (n, H, W) beside their restorations (n, count, H, W)."""
        difference = images[:, None] - restored
        if self.sign == "any":
            difference = np.abs(difference)
        else:
            difference = np.maximum(difference if self.sign == "brighter" else -difference, 0)
        mean: Maps = difference.mean(axis=1)
        return mean


@dataclass(frozen=True, kw_only=True)
class ScoreMaps:
    """What a model finds in n images, in the geometry of the network.

    Attributes:
        images: (n, H, W) in [0, 1].
        reconstructions: (n, H, W) in [0, 1].
        codes: (n, h, w) of each level.
        maps: by name, (n, H, W) each. `residual`: absolute error of the reconstruction. `bits`: bits per
            pixel, the bits of each code spread evenly over its pixels, all levels added. `restored`: mean
            error of the restorations.
    """

    images: Maps
    reconstructions: Maps
    codes: Codes
    maps: dict[str, Maps]

    def part(self, start: int, stop: int) -> ScoreMaps:
        """The images from `start` to `stop` - 1."""
        return ScoreMaps(
            images=self.images[start:stop],
            reconstructions=self.reconstructions[start:stop],
            codes=tuple(level[start:stop] for level in self.codes),
            maps={name: maps[start:stop] for name, maps in self.maps.items()},
        )

    @property
    def foreground(self) -> NDArray[np.bool_]:
        """(n, H, W), see `metrics.foreground`."""
        found: NDArray[np.bool_] = foreground(torch.from_numpy(self.images)[:, None])[:, 0].numpy()
        return found

    @property
    def bits_per_pixel(self) -> NDArray[np.float64] | None:
        """(n,); None without a likelihood."""
        return self.maps[BITS].mean(axis=(1, 2), dtype=np.float64) if BITS in self.maps else None

    @property
    def residual(self) -> NDArray[np.float64]:
        """(n,) mean absolute error of the reconstruction over the foreground; of an empty image over all."""
        inside = self.foreground
        inside |= ~inside.any(axis=(1, 2), keepdims=True)
        means = [
            error[own].mean(dtype=np.float64) for error, own in zip(self.maps[RESIDUAL], inside, strict=True)
        ]
        return np.array(means, np.float64)


def score_maps(
    coder: Coder,
    prior: HierarchicalPrior | None,
    images: Tensor,
    *,
    restoration: Restoration | None,
    device: torch.device,
) -> ScoreMaps:
    """Computes the maps of images (n, 1, H, W) in [0, 1].

    Args:
        coder: of the tokenizer.
        prior: with a likelihood, on `device`; None = only the residual.
        images: of the network's size.
        restoration: None = without `restored`.
        device: of the prior.

    Raises:
        TypeError: a prior without likelihood.
    """
    codes = coder.encode(images)
    given, decoded = images[:, 0].numpy(), coder.decode(codes)[:, 0].numpy()
    maps = {RESIDUAL: np.abs(given - decoded)}
    if prior is not None:
        height, width = given.shape[1:]
        levels = [spread(level, height, width) for level in cell_bits(prior, codes, device=device)]
        maps[BITS] = torch.stack(levels).sum(dim=0).numpy()
        if restoration is not None:
            restored = restore_codes(
                prior,
                codes,
                above=restoration.above,
                count=restoration.count,
                seed=restoration.seed,
                device=device,
            )
            others = (
                coder.decode(restored)[:, 0].numpy().reshape(len(given), restoration.count, height, width)
            )
            maps[RESTORED] = restoration.error(given, others)
    return ScoreMaps(images=given, reconstructions=decoded, codes=codes, maps=maps)


@torch.inference_mode()
def cell_bits(prior: HierarchicalPrior, codes: Codes, *, device: torch.device) -> tuple[Tensor, ...]:
    """Bits of each code, (n, h, w) float32 for each level on the CPU; all conditions are absent.

    Raises:
        TypeError: a prior without likelihood.
    """
    parts = []
    for start in range(0, len(codes[0]), BATCH):
        part = tuple(level[start : start + BATCH].long().to(device) for level in codes)
        parts.append(tuple(level.float().cpu() for level in prior.cell_bits(part)))
    return tuple(torch.cat([part[level] for part in parts]) for level in range(len(codes)))


def spread(cells: Tensor, height: int, width: int) -> Tensor:
    """Bits of cells (n, h, w) as bits per pixel (n, H, W): the sum over an image stays the same."""
    share = cells.shape[1] * cells.shape[2] / (height * width)
    return F.interpolate(cells[:, None], size=(height, width))[:, 0] * share
