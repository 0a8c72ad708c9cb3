"""The residual stack of the VQ-VAE paper."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class ResidualStack(nn.Module):
    """Blocks x + Conv1x1(ReLU(Conv3x3(ReLU(x)))), then ReLU (arXiv 1711.00937, section 4.1).

    Without blocks it is the identity.
    """

    def __init__(self, *, channels: int, hidden: int, blocks: int) -> None:
        """
        Args:
            channels: width of the input and output.
            hidden: width between the two convolutions of a block.
            blocks: number of blocks, with separate weights.
        """
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.ReLU(),
                nn.Conv2d(channels, hidden, 3, padding=1, bias=False),
                nn.ReLU(inplace=True),
                nn.Conv2d(hidden, channels, 1, bias=False),
            )
            for _ in range(blocks)
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, h, w)."""
        for block in self.blocks:
            features = block(features).add_(features)
        return F.relu_(features) if len(self.blocks) else features
