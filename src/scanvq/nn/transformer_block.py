"""Transformer block: self-attention and feed-forward network, with a cached version for sampling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.nn.matrices import matrix_of


class TransformerBlock(nn.Module):
    """Pre-norm attention and feed-forward network (arXiv 1706.03762; arXiv 2002.04745, figure 1b).

    ```
    x ─┬─ norm ─ queries, keys, values ─ attention ─ out ─ + ─┬─ norm ─ C to H ─ GELU ─ H to C ─ + ──▶
       └───────────────────────────────────────────────────┘ └───────────────────────────────────┘
    ```

    The two residual projections have no bias.

    Args:
        channels: C.
        heads: of attention; C must be divisible by it.
        hidden: H, width between the two layers; 0 = 4C.
        causal: whether a position attends to itself and earlier positions only.
        dropout: share of the outputs of attention and feed-forward network dropped in training.
    """

    def __init__(self, channels: int, *, heads: int, hidden: int = 0, causal: bool, dropout: float) -> None:
        super().__init__()
        hidden = hidden or 4 * channels
        self.heads = heads
        self.causal = causal
        self.attention_norm = nn.LayerNorm(channels)
        self.queries_keys_values = nn.Linear(channels, 3 * channels)
        self.attention_out = nn.Linear(channels, channels, bias=False)
        self.hidden_norm = nn.LayerNorm(channels)
        self.hidden = nn.Linear(channels, hidden)
        self.hidden_out = nn.Linear(hidden, channels, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, n, C) to (B, n, C)."""
        mixed = self.queries_keys_values(self.attention_norm(features))  # (B, n, 3C)
        split = mixed.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (3, B, heads, n, C / heads)
        queries, keys, values = split.unbind(0)
        attended = F.scaled_dot_product_attention(queries, keys, values, is_causal=self.causal)
        attended = attended.transpose(1, 2).flatten(2)  # (B, n, C)
        features = features + self.dropout(self.attention_out(attended))
        hidden = F.gelu(self.hidden(self.hidden_norm(features)))  # (B, n, H)
        return features + self.dropout(self.hidden_out(hidden))


class CachedTransformerBlock:
    """A block with a cache of keys and values, for sampling position by position.

    Args:
        block: its weights are copied as matrices.
        rows: R, sequences in a batch.
        positions: n, length of a sequence.
    """

    def __init__(self, block: TransformerBlock, rows: int, positions: int) -> None:
        self._attention_norm, self._hidden_norm = block.attention_norm, block.hidden_norm
        self._mix, self._mix_bias = matrix_of(block.queries_keys_values), block.queries_keys_values.bias
        self._attention_out = matrix_of(block.attention_out)
        self._hidden, self._hidden_bias = matrix_of(block.hidden), block.hidden.bias
        self._hidden_out = matrix_of(block.hidden_out)
        channels, heads = block.hidden.in_features, block.heads
        self._split = (3, heads, channels // heads)
        self._cache = self._mix.new_zeros(2, rows, heads, positions, channels // heads)  # keys, values

    def advance(self, features: Tensor, start: int, stop: int) -> None:
        """Updates the features (R, m, C) of positions start to stop - 1 in place."""
        split = self._split_heads(features)
        self._cache[:, :, :, start:stop] = split[1:]
        mask = None
        length = stop - start
        if length > 1:  # causal among the new positions
            mask = torch.ones(length, stop, dtype=torch.bool, device=features.device).tril(start)
        self._transform(features, split[0], self._cache[:, :, :, :stop], mask)

    def advance_at(self, features: Tensor, position: Tensor, mask: Tensor) -> None:
        """Updates the features (R, 1, C) of a position (1,) in place, with the attention mask (1, n)."""
        split = self._split_heads(features)
        self._cache.index_copy_(3, position, split[1:])
        self._transform(features, split[0], self._cache, mask)

    def _split_heads(self, features: Tensor) -> Tensor:
        """Queries, keys and values: (3, R, heads, m, C / heads)."""
        rows, length, channels = features.shape
        flat = features.view(rows * length, channels)
        mixed = torch.addmm(self._mix_bias, self._attention_norm(flat), self._mix)  # (R * m, 3C)
        return mixed.view(rows, length, *self._split).permute(2, 0, 3, 1, 4)

    def _transform(self, features: Tensor, queries: Tensor, cached: Tensor, mask: Tensor | None) -> None:
        """Adds attention over cached keys and values, then the feed-forward network, to the features."""
        rows, length, channels = features.shape
        flat = features.view(rows * length, channels)
        keys, values = cached.unbind(0)
        attended = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        flat.addmm_(attended.transpose(1, 2).reshape(rows * length, channels), self._attention_out)
        hidden = F.gelu(torch.addmm(self._hidden_bias, self._hidden_norm(flat), self._hidden))  # (R * m, 4C)
        flat.addmm_(hidden, self._hidden_out)
