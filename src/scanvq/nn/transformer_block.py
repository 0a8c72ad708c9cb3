"""One block of a transformer: self-attention, then a network of each place alone; and place by place."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.nn.matrices import matrix_of


class TransformerBlock(nn.Module):
    """Attention and a network of two layers (arXiv 1706.03762), each behind its norm (2002.04745, figure 1b).

    ```
    x ─┬─ norm ─ queries, keys, values ─ attention ─ out ─ + ─┬─ norm ─ C to H ─ GELU ─ H to C ─ + ──▶
       └───────────────────────────────────────────────────┘ └───────────────────────────────────┘
    ```

    The two projections back to the sum have no bias: the norms behind it have one.

    Args:
        channels: C.
        heads: of attention; C must be divisible by it.
        hidden: H, width between the two layers; 0 = 4C.
        causal: whether a place sees only itself and those before it, or all.
        dropout: share of each half's output dropped in training.
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
    """A block place by place: its weights as matrices, and the keys and values of all places so far.

    Args:
        block: its weights are laid out for single places here, once.
        rows: R, sequences in a batch.
        places: n, of a sequence.
    """

    def __init__(self, block: TransformerBlock, rows: int, places: int) -> None:
        self._attention_norm, self._hidden_norm = block.attention_norm, block.hidden_norm
        self._mix, self._mix_bias = matrix_of(block.queries_keys_values), block.queries_keys_values.bias
        self._attention_out = matrix_of(block.attention_out)
        self._hidden, self._hidden_bias = matrix_of(block.hidden), block.hidden.bias
        self._hidden_out = matrix_of(block.hidden_out)
        channels, heads = block.hidden.in_features, block.heads
        self._split = (3, heads, channels // heads)
        self._kept = self._mix.new_zeros(2, rows, heads, places, channels // heads)  # keys, values

    def advance(self, features: Tensor, start: int, stop: int) -> None:
        """Changes the features (R, m, C) of places start to stop - 1 in place."""
        split = self._split_heads(features)
        self._kept[:, :, :, start:stop] = split[1:]
        mask = None
        run = stop - start
        if run > 1:  # place i of the run sees all before the run, and the run up to itself
            mask = torch.ones(run, stop, dtype=torch.bool, device=features.device).tril(start)
        self._transform(features, split[0], self._kept[:, :, :, :stop], mask)

    def advance_at(self, features: Tensor, place: Tensor, seen: Tensor) -> None:
        """Changes the features (R, 1, C) of one place (1,), which sees the places `seen` (1, n), in place."""
        split = self._split_heads(features)
        self._kept.index_copy_(3, place, split[1:])
        self._transform(features, split[0], self._kept, seen)

    def _split_heads(self, features: Tensor) -> Tensor:
        """Queries, keys and values: (3, R, heads, m, C / heads)."""
        rows, run, channels = features.shape
        flat = features.view(rows * run, channels)
        mixed = torch.addmm(self._mix_bias, self._attention_norm(flat), self._mix)  # (R * m, 3C)
        return mixed.view(rows, run, *self._split).permute(2, 0, 3, 1, 4)

    def _transform(self, features: Tensor, queries: Tensor, kept: Tensor, mask: Tensor | None) -> None:
        """Attention over the kept keys and values and the hidden layer, both added to the features."""
        rows, run, channels = features.shape
        flat = features.view(rows * run, channels)
        keys, values = kept.unbind(0)
        attended = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        flat.addmm_(attended.transpose(1, 2).reshape(rows * run, channels), self._attention_out)
        hidden = F.gelu(torch.addmm(self._hidden_bias, self._hidden_norm(flat), self._hidden))  # (R * m, 4C)
        flat.addmm_(hidden, self._hidden_out)
