"""The chunked lookup equals the reference in values and gradients."""

from __future__ import annotations

import pytest
import torch

from scanvq.kernels import nearest_lookup, nearest_search
from scanvq.kernels.nearest_lookup import (
    look_up_nearest,
    reference_look_up_nearest,
)
from scanvq.kernels.nearest_search import nearest_codes, reference_nearest_codes

ROWS, CODES, DIM = 23, 5, 6


@pytest.fixture(params=[1, 4, ROWS, 100])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many rows are looked up at a time."""
    length: int = request.param
    monkeypatch.setattr(nearest_search, "_CPU_ROWS", length)
    monkeypatch.setattr(nearest_search, "_CPU_SCORES", 1)
    monkeypatch.setattr(nearest_lookup, "_CPU_NUMBERS", length * DIM)
    return length


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_equals_the_reference(chunk: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    rows, codebook = torch.randn(ROWS, DIM).to(dtype), torch.randn(CODES, DIM)
    slopes = (torch.randn(ROWS, DIM).to(dtype), torch.randn(ROWS), torch.randn(ROWS))
    results, gradients = [], []
    for way in (look_up_nearest, reference_look_up_nearest):
        given = (rows.clone().requires_grad_(), codebook.clone().requires_grad_())
        result = way(*given)
        torch.autograd.backward([result.vectors, result.errors, result.pulls], slopes)
        results.append(tuple(one.detach() for one in result))
        gradients.append(tuple(one.grad for one in given))
    assert results[0][0].dtype == dtype
    tolerance = {"rtol": 0.02, "atol": 0.02} if dtype == torch.bfloat16 else {}
    torch.testing.assert_close(results[0][1:], results[1][1:])
    torch.testing.assert_close(results[0][0], results[1][0], **tolerance)
    torch.testing.assert_close(*gradients, **tolerance)


def test_no_gradient_goes_where_none_is_wanted() -> None:
    rows = torch.randn(ROWS, DIM, requires_grad=True)
    codebook = torch.randn(CODES, DIM)
    look_up_nearest(rows, codebook).errors.sum().backward()
    assert rows.grad is not None
    with torch.no_grad():
        assert not look_up_nearest(rows, codebook).vectors.requires_grad


def test_no_rows_give_nothing() -> None:
    rows = torch.randn(0, DIM, requires_grad=True)
    result = look_up_nearest(rows, torch.randn(CODES, DIM))
    assert [len(one) for one in result] == [0, 0, 0, 0]
    result.errors.sum().backward()
    assert rows.grad is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [1, 5, 512])
def test_nearest_codes_equal_those_of_all_distances(chunk: int, size: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    rows, codebook = torch.randn(ROWS, DIM).to(dtype), torch.randn(size, DIM)
    assert torch.equal(nearest_codes(rows, codebook), reference_nearest_codes(rows, codebook))
