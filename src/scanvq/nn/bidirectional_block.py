"""A transformer block in which every place sees every other."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class BidirectionalBlock(nn.Module):
    """Attention over all places, then a feed-forward network (arXiv 1706.03762), norms first (2002.04745).

    ```
    x ─┬─ LayerNorm ─ attention ─ dropout ─ + ─┬─ LayerNorm ─ linear ─ GELU ─ linear ─ dropout ─ + ──▶
       └────────────────────────────────────┘  └──────────────────────────────────────────────┘
    ```

    Args:
        channels: width of the input and output.
        heads: attention heads, a divisor of `channels`.
        hidden: width between the two linear layers.
        dropout: share dropped in training, of attention weights and of each branch's output.
    """

    def __init__(self, channels: int, *, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.before_attention = nn.LayerNorm(channels)
        self.inward = nn.Linear(channels, 3 * channels)
        self.outward = nn.Linear(channels, channels)
        self.before_feed_forward = nn.LayerNorm(channels)
        self.wide = nn.Linear(channels, hidden)
        self.narrow = nn.Linear(hidden, channels)

    def forward(self, features: Tensor) -> Tensor:
        """(B, N, C) to (B, N, C)."""
        features = features + self._dropped(self._attention(self.before_attention(features)))
        hidden = F.gelu(self.wide(self.before_feed_forward(features)))  # (B, N, hidden)
        return features + self._dropped(self.narrow(hidden))

    def _attention(self, features: Tensor) -> Tensor:
        batch, places, channels = features.shape
        parts = self.inward(features).view(batch, places, 3, self.heads, channels // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (B, heads, N, C / heads) each
        seen = F.scaled_dot_product_attention(
            query, key, value, dropout_p=self.dropout if self.training else 0.0
        )
        return self.outward(seen.transpose(1, 2).reshape(batch, places, channels))

    def _dropped(self, features: Tensor) -> Tensor:
        return F.dropout(features, self.dropout, self.training)
