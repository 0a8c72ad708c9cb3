"""The residual stack, written out."""

import torch
from torch.nn import functional as F

from scanvq.nn.residual import ResidualStack


def test_equals_the_formula_and_leaves_its_input() -> None:
    stack = ResidualStack(channels=6, hidden=3, blocks=2)
    given = torch.randn(2, 6, 5, 4)
    kept = given.clone()
    expected = given
    for block in stack.blocks:
        inner = F.conv2d(F.relu(expected), block[1].weight, padding=1)
        expected = expected + F.conv2d(F.relu(inner), block[3].weight)
    torch.testing.assert_close(stack(given), F.relu(expected))
    assert torch.equal(given, kept)


def test_blocks_have_their_own_weights() -> None:
    stack = ResidualStack(channels=64, hidden=32, blocks=2)
    assert sum(parameter.numel() for parameter in stack.parameters()) == 2 * (64 * 32 * 9 + 32 * 64)


def test_without_blocks_it_is_the_identity() -> None:
    given = torch.randn(1, 3, 2, 2)
    assert torch.equal(ResidualStack(channels=3, hidden=1, blocks=0)(given), given)
