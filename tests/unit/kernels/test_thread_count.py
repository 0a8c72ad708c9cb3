"""Small batches on a CPU run in one thread; the results and the number of threads afterwards are the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from scanvq.kernels import thread_count
from scanvq.kernels.thread_count import SMALL_BATCH, limited_threads, reference_limited_threads

SMALL, LARGE = torch.zeros(SMALL_BATCH, 2, 2), torch.zeros(SMALL_BATCH + 1, 2, 2)


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_small_batch_runs_in_one_thread_and_a_large_batch_in_all() -> None:
    for known, expected in ((SMALL, 1), (LARGE, 2)):
        with limited_threads(known):
            assert torch.get_num_threads() == expected
        assert torch.get_num_threads() == 2


def test_the_number_of_threads_is_restored_after_an_error() -> None:
    with pytest.raises(KeyError), limited_threads(SMALL):
        raise KeyError
    assert torch.get_num_threads() == 2


def test_results_equal_those_of_the_reference() -> None:
    torch.manual_seed(0)
    rows, weight = torch.randn(SMALL_BATCH, 64), torch.randn(64, 512)
    with reference_limited_threads(SMALL):
        assert torch.get_num_threads() == 2
        expected = (rows @ weight).softmax(1)
    with limited_threads(SMALL):
        torch.testing.assert_close((rows @ weight).softmax(1), expected)


def test_a_single_thread_is_not_switched(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(thread_count.torch, "set_num_threads", lambda threads: pytest.fail(f"{threads} set"))
    with limited_threads(SMALL):
        assert torch.get_num_threads() == 1
    monkeypatch.undo()
