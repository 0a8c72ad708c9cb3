"""Identity quantizer: a tokenizer without quantization, for tests and upper bounds."""

from __future__ import annotations

import torch
from torch import Tensor

from scanvq.quantizers.feature_rows import rows_of
from scanvq.types import Codes, Quantized, Quantizer


class IdentityQuantizer(Quantizer):
    """Returns features unchanged, for tests and as an upper bound of reconstruction quality.

    The vectors are the features. The codes are all 0, of a codebook of size 1: they cannot be decoded, and
    no prior can be trained on them.
    """

    def __init__(self, *, code_dim: int = 64) -> None:
        """
        Args:
            code_dim: number of channels D of the features.
        """
        super().__init__()
        self.codebook_sizes = (1,)
        self.dim = code_dim

    def forward(self, features: Tensor) -> Quantized:
        """Features (B, D, h, w) unchanged. Raises ValueError for another number of channels."""
        rows_of(features, self.dim)
        batch, _, height, width = features.shape
        codes = torch.zeros(batch, height, width, dtype=torch.int64, device=features.device)
        return Quantized(vectors=features, codes=(codes,))

    def embed(self, codes: Codes) -> Tensor:
        """Raises ValueError: there is no codebook to look codes up in."""
        raise ValueError(
            "codes of the identity quantizer cannot be decoded, since it has no codebook; "
            "use the quantizer nearest or moving_average"
        )
