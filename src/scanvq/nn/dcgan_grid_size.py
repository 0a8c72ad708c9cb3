"""Grid sizes of DCGAN: a start size and the number of upsamplings for grids of any size."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

SMALLEST = 4  # shorter side of the start, as in DCGAN


@dataclass(frozen=True, kw_only=True)
class DCGANGridSize:
    """A grid h x w as the center crop of start * 2^n, with a start of about 4 on the shorter side.

    64 x 64 is 4 x 4 with four upsamplings, 20 x 24 is 5 x 6 with two. A size that is not divisible is the
    center crop of the next larger divisible size: 23 x 17 of 24 x 20, from 6 x 5.

    Attributes:
        height: h.
        width: w.
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"the grid is {self.height}x{self.width}; each side must be 1 or more")

    @property
    def upsamplings(self) -> int:
        """n, at least 1."""
        return max(1, (min(self.height, self.width) // SMALLEST).bit_length() - 1)

    @property
    def start(self) -> tuple[int, int]:
        """(ceil(h / 2^n), ceil(w / 2^n))."""
        step = 2**self.upsamplings
        return -(-self.height // step), -(-self.width // step)

    def crop(self, features: Tensor) -> Tensor:
        """The center crop (B, C, h, w) of features (B, C, start * 2^n)."""
        above, left = self._margins()
        return features[..., above : above + self.height, left : left + self.width]

    def pad(self, features: Tensor) -> Tensor:
        """Features (B, C, h, w), zero-padded on all sides to (B, C, start * 2^n)."""
        above, left = self._margins()
        whole_height, whole_width = self._padded_size()
        right, below = whole_width - self.width - left, whole_height - self.height - above
        return F.pad(features, (left, right, above, below)) if above + left + right + below else features

    def _padded_size(self) -> tuple[int, int]:
        step = 2**self.upsamplings
        return self.start[0] * step, self.start[1] * step

    def _margins(self) -> tuple[int, int]:
        whole_height, whole_width = self._padded_size()
        return (whole_height - self.height) // 2, (whole_width - self.width) // 2
