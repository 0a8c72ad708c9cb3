"""Global code of an image: cluster indices of summaries of all of its codes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import CategoryCondition
from scanvq.types import UNKNOWN, Codes

PREFIX = "global_"
"""Begins the condition names of global codes."""
REGIONS = 8  # rows and columns of the regions of the layout
FEWEST_MEMBERS = 8  # training images of a value on average; with fewer images there are fewer values
_STARTS = 4  # k-means runs, of which the best is kept


class GlobalCode(nn.Module):
    """Codes of the whole image, of which the prior of every level is conditional.

    ```
    codes ─┬─ share of each code, square root ──────────── nearest center ──▶ appearance
           └─ vectors, averaged in 8x8 regions ─────────── nearest center ──▶ layout
    ```

    A global code is a function g of the codes, so that p(codes) = p(g) p(codes | g) is exact. It holds what
    is the same everywhere in an image, such as contrast and sharpness, which a prior with a limited receptive
    field loses from one side of the image to the other. The centers are those of k-means over the training
    images.

    Args:
        appearance: values of the code for the frequencies of the codes; 0 = none.
        layout: values of the code for the spatial arrangement; 0 = none.
        codebook_sizes: K of every level, coarse to fine.
        code_dims: D of every level.
        code_shapes: (h, w) of every level.

    Raises:
        ValueError: no global code at all, or one with a single value.
    """

    def __init__(
        self,
        *,
        appearance: int,
        layout: int,
        codebook_sizes: tuple[int, ...],
        code_dims: tuple[int, ...],
        code_shapes: tuple[tuple[int, int], ...],
    ) -> None:
        super().__init__()
        sizes = {"appearance": appearance, "layout": layout}
        if min(sizes.values()) < 0 or 1 in sizes.values() or not any(sizes.values()):
            raise ValueError(f"global code sizes are {sizes}; each must be 0 or at least 2, not all 0")
        self.sizes = {name: size for name, size in sizes.items() if size}
        self._grids = [(min(h, REGIONS), min(w, REGIONS)) for h, w in code_shapes]
        lengths = {
            "appearance": sum(codebook_sizes),
            "layout": sum(d * h * w for d, (h, w) in zip(code_dims, self._grids, strict=True)),
        }
        for level, (size, dim) in enumerate(zip(codebook_sizes, code_dims, strict=True)):
            self.register_buffer(f"codebook_{level}", torch.zeros(size, dim))
        for name, size in self.sizes.items():
            self.register_buffer(f"centers_{name}", torch.zeros(size, lengths[name]))
        self.register_buffer("counts", torch.zeros(*self.sizes.values()))  # of the training images

    @property
    def conditions(self) -> tuple[CategoryCondition, ...]:
        """The conditions of the levels' priors: one for each global code."""
        return global_conditions(self.sizes)

    def fit(self, codes: Codes, codebooks: tuple[Tensor, ...], *, seed: int = 0) -> None:
        """Computes the centers and the frequencies of the values.

        Args:
            codes: of the training images, (n, h, w) for each level.
            codebooks: (K, D) of each level.
            seed: of k-means.
        """
        from sklearn.cluster import KMeans

        for level, codebook in enumerate(codebooks):
            self.get_buffer(f"codebook_{level}").copy_(codebook)
        values = []
        for name, size in self.sizes.items():
            summary = torch.cat([self._summary(name, part)[0] for part in _batches(codes)]).cpu().numpy()
            clusters = max(1, min(size, len(summary) // FEWEST_MEMBERS, len(np.unique(summary, axis=0))))
            found = KMeans(clusters, n_init=_STARTS, random_state=seed).fit(summary)
            centers = self.get_buffer(f"centers_{name}")
            centers.zero_()
            centers[:clusters] = torch.from_numpy(found.cluster_centers_).to(centers)
            values.append(torch.from_numpy(found.labels_).long())
        counts = self.get_buffer("counts")
        counts.zero_()
        counts.index_put_(tuple(values), torch.ones(len(values[0])), accumulate=True)

    @torch.no_grad()
    def assign(self, codes: Codes) -> Condition:
        """The global codes of images, (B,) each.

        Args:
            codes: (B, h, w) of each level. UNKNOWN cells are left out; if all are, the value is absent.
        """
        found: dict[str, list[Tensor]] = {name: [] for name in self.sizes}
        for part in _batches(codes):
            known = torch.stack([(level != UNKNOWN).flatten(1).any(1) for level in part]).any(0)  # (b,)
            for name, size in self.sizes.items():
                summary, weights = self._summary(name, part)
                centers = self.get_buffer(f"centers_{name}")
                distances = weights @ centers.square().T - 2 * (weights * summary) @ centers.T  # (b, size)
                nearest = distances.masked_fill(self._unused(name), math.inf).argmin(1)
                found[name].append(torch.where(known, nearest, size))
        return Condition(categories={PREFIX + name: torch.cat(values) for name, values in found.items()})

    def bits(self, condition: Condition) -> Tensor:
        """-log2 of the probability of global codes, (B,) float64, from their frequencies plus 1/2."""
        counts = self.get_buffer("counts").double() + 0.5
        values = tuple(condition.categories[PREFIX + name] for name in self.sizes)
        bits: Tensor = -(counts / counts.sum()).log2()[values]
        return bits

    def _unused(self, name: str) -> Tensor:
        """The values that no training image has, (size,) bool."""
        axis = list(self.sizes).index(name)
        counts = self.get_buffer("counts").movedim(axis, 0)
        return counts.reshape(len(counts), -1).sum(1) == 0

    def _summary(self, name: str, codes: Codes) -> tuple[Tensor, Tensor]:
        """The summary of each image and the weight of each of its numbers, (B, length) each."""
        parts = [
            self._frequencies(level, part) if name == "appearance" else self._regions(level, part)
            for level, part in enumerate(codes)
        ]
        return torch.cat([part[0] for part in parts], 1), torch.cat([part[1] for part in parts], 1)

    def _frequencies(self, level: int, codes: Tensor) -> tuple[Tensor, Tensor]:
        """The square root of the share of each code among the known cells, (B, K)."""
        size = len(self.get_buffer(f"codebook_{level}"))
        known = (codes != UNKNOWN).flatten(1).float()  # (B, h * w)
        shares = torch.zeros(len(codes), size, device=codes.device)
        shares.scatter_add_(1, codes.flatten(1).clamp(min=0), known)
        shares = shares / known.sum(1, keepdim=True).clamp(min=1)
        return shares.sqrt(), torch.ones_like(shares)

    def _regions(self, level: int, codes: Tensor) -> tuple[Tensor, Tensor]:
        """The mean vector of the known cells of each region, and their share, (B, D * regions) each."""
        codebook = self.get_buffer(f"codebook_{level}")
        known = (codes != UNKNOWN).float()[:, None]  # (B, 1, h, w)
        vectors = F.embedding(codes.clamp(min=0), codebook).permute(0, 3, 1, 2) * known  # (B, D, h, w)
        share = F.adaptive_avg_pool2d(known, self._grids[level])  # (B, 1, rows, columns)
        mean = F.adaptive_avg_pool2d(vectors, self._grids[level]) / share.clamp(min=1e-6)
        return mean.flatten(1), share.expand_as(mean).flatten(1)


def _batches(codes: Codes, size: int = 64) -> list[Codes]:
    return [tuple(level[start : start + size] for level in codes) for start in range(0, len(codes[0]), size)]


def global_conditions(sizes: Mapping[str, int]) -> tuple[CategoryCondition, ...]:
    """A condition for each global code, from the number of its values; 0 = none."""
    return tuple(
        CategoryCondition(name=PREFIX + name, values=tuple(map(str, range(size))))
        for name, size in sizes.items()
        if size
    )


def make_global_code(
    sizes: Mapping[str, int],
    *,
    codebook_sizes: tuple[int, ...],
    code_dims: tuple[int, ...],
    code_shapes: tuple[tuple[int, int], ...],
) -> GlobalCode | None:
    """The global code of `sizes`; None where all are 0."""
    if not any(sizes.values()):
        return None
    return GlobalCode(
        appearance=sizes["appearance"],
        layout=sizes["layout"],
        codebook_sizes=codebook_sizes,
        code_dims=code_dims,
        code_shapes=code_shapes,
    )
