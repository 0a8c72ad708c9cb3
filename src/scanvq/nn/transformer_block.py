"""One block of a transformer: self-attention, then a network of each place alone."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


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
