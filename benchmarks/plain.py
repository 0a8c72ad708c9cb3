"""The plain implementation: the arithmetic of the course reports' code, not optimized."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from scanvq.types import Codes, Quantized, Quantizer


class OneHotQuantizer(Quantizer):
    """Distances as an N x K matrix, codes as one-hot rows, the codebook learned by gradient."""

    def __init__(self, *, codebook_size: int, code_dim: int, commitment: float) -> None:
        super().__init__()
        self.codebook_sizes, self.dim, self.commitment = (codebook_size,), code_dim, commitment
        self.embedding = nn.Embedding(codebook_size, code_dim)
        self.embedding.weight.data.uniform_(-1 / codebook_size, 1 / codebook_size)

    def forward(self, features: Tensor) -> Quantized:
        channels_last = features.permute(0, 2, 3, 1).contiguous()  # (B, h, w, D)
        rows = channels_last.view(-1, self.dim)  # (N, D)
        weight = self.embedding.weight
        distances = rows.square().sum(1, keepdim=True) + weight.square().sum(1) - 2 * rows @ weight.t()
        codes = distances.argmin(1, keepdim=True)  # (N, 1)
        one_hot = torch.zeros(len(rows), len(weight), device=rows.device).scatter_(1, codes, 1)  # (N, K)
        vectors = (one_hot @ weight).view(channels_last.shape)
        losses = {
            "codebook": F.mse_loss(vectors, channels_last.detach()),
            "commitment": self.commitment * F.mse_loss(vectors.detach(), channels_last),
        }
        passed = channels_last + (vectors - channels_last).detach()
        return Quantized(
            vectors=passed.permute(0, 3, 1, 2).contiguous(),
            codes=(codes.view(channels_last.shape[:3]),),
            losses=losses,
        )

    def embed(self, codes: Codes) -> Tensor:
        (grid,) = codes
        return self.embedding(grid).permute(0, 3, 1, 2)
