"""Every kind of upsampling has a factor of 2."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from scanvq.nn.upsample import make_upsample


@pytest.mark.parametrize("kernel", [2, 3, 4])
@pytest.mark.parametrize("kind", ["transposed", "shuffle", "nearest"])
def test_doubles(kind: Literal["transposed", "shuffle", "nearest"], kernel: int) -> None:
    layer = make_upsample(kind, 6, 5, kernel=kernel)
    for height, width in [(1, 1), (3, 4), (8, 5)]:
        assert layer(torch.randn(2, 6, height, width)).shape == (2, 5, 2 * height, 2 * width)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kernel", [2, 3, 4])
@pytest.mark.parametrize("outputs", [1, 5])
def test_transposed_has_the_weights_and_results_of_pytorch(outputs: int, kernel: int, bias: bool) -> None:
    ours = make_upsample("transposed", 6, outputs, kernel=kernel, bias=bias)
    padding = (kernel - 1) // 2
    theirs = torch.nn.ConvTranspose2d(
        6, outputs, kernel, stride=2, padding=padding, output_padding=2 + 2 * padding - kernel, bias=bias
    )
    theirs.load_state_dict(ours.state_dict())
    features = torch.randn(2, 6, 4, 3)
    torch.testing.assert_close(ours(features), theirs(features))
