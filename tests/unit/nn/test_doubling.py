"""Every way of doubling doubles."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from scanvq.nn.doubling import make_doubling


@pytest.mark.parametrize("kernel", [2, 3, 4])
@pytest.mark.parametrize("kind", ["transposed", "shuffle", "nearest"])
def test_doubles(kind: Literal["transposed", "shuffle", "nearest"], kernel: int) -> None:
    layer = make_doubling(kind, 6, 5, kernel=kernel)
    for height, width in [(1, 1), (3, 4), (8, 5)]:
        assert layer(torch.randn(2, 6, height, width)).shape == (2, 5, 2 * height, 2 * width)
