"""Quantizer of the VQ-VAE paper, with a codebook learned by gradient."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from scanvq.kernels.nearest_lookup import look_up_nearest
from scanvq.quantizers.distributed import initial_rows
from scanvq.quantizers.feature_rows import check_sizes, grid_of, look_up, rows_of
from scanvq.types import Codes, Quantized, Quantizer


class NearestQuantizer(Quantizer):
    """Nearest neighbor in a codebook learned by gradient (arXiv 1711.00937, equation 3).

    Losses: "codebook" |sg[z_e] - e|^2 and "commitment" beta |z_e - sg[e]|^2, as means over all elements.
    """

    def __init__(
        self,
        *,
        codebook_size: int = 512,
        code_dim: int = 64,
        commitment: float = 0.25,
        start: Literal["uniform", "data"] = "uniform",
    ) -> None:
        """
        Args:
            codebook_size: number of codes K.
            code_dim: length of a code's vector D, equal to the number of output channels of the encoder.
            commitment: weight beta of the loss that keeps features near their codes.
            start: initialization of the codebook: uniform in +-1/K as in the reports, or features of the
                first training batch, which keeps many more codes in use.

        Raises:
            ValueError: a codebook size or a code dimension below 1.
        """
        super().__init__()
        check_sizes(codebook_size, code_dim)
        self.codebook_sizes = (codebook_size,)
        self.dim = code_dim
        self.commitment = commitment
        bound = 1 / codebook_size
        self.codebook = nn.Parameter(torch.empty(codebook_size, code_dim).uniform_(-bound, bound))
        self.register_buffer("started", torch.tensor(start == "uniform"))
        self._may_initialize = start == "data"
        self.register_load_state_dict_post_hook(_check_again)

    commitment: float
    started: Tensor

    def forward(self, features: Tensor) -> Quantized:
        """Features (B, D, h, w) to vectors and codes. Raises ValueError for another number of channels."""
        rows = rows_of(features, self.dim)  # (N, D)
        if self.training and self._may_initialize:
            self._initialize(rows.detach())
        vectors, codes, errors, pulls = look_up_nearest(rows, self.codebook)
        count = max(rows.numel(), 1)
        batch, _, height, width = features.shape
        return Quantized(
            vectors=grid_of(vectors, features),  # (B, D, h, w)
            codes=(codes.view(batch, height, width),),
            losses={"codebook": pulls.sum() / count, "commitment": self.commitment * errors.sum() / count},
        )

    def embed(self, codes: Codes) -> Tensor:
        """Codes ((B, h, w),) to vectors (B, D, h, w)."""
        (grid,) = codes
        return look_up(self.codebook, grid)

    @torch.no_grad()
    def _initialize(self, rows: Tensor) -> None:
        if not self.started and (initial := initial_rows(rows, len(self.codebook))) is not None:
            self.codebook.copy_(initial)
            self.started.fill_(True)
        self._may_initialize = not self.started  # avoids a GPU synchronization at each later step


def _check_again(module: NearestQuantizer, _: object) -> None:
    module._may_initialize = True
