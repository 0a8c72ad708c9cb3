from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor

from scanvq.sampling.ordered import OrderedStepper, sample_ordered, sample_ordered_cached
from scanvq.sampling.ordering import Ordering, OrderName
from scanvq.sampling.raster import sample_raster
from scanvq.types import UNKNOWN, SamplingParams

HEIGHT, WIDTH, SIZE = 4, 5, 7


def certain(codes: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(codes, SIZE) * 100.0


class Counting(OrderedStepper):
    """Certain of one code: the sum of all codes before the cell, plus one, modulo K."""

    def __init__(self, ordering: Ordering, batch: int) -> None:
        super().__init__(ordering, batch)
        self.calls: list[tuple[int, int]] = []

    def whole(self, codes: Tensor) -> Tensor:
        """The same for all cells of codes (B, h, w) at once: (B, K, h, w)."""
        sequence = self.ordering.sequence(codes)
        answer = (sequence.cumsum(dim=1) - sequence + 1) % SIZE
        return self.ordering.grid(certain(answer)).permute(0, 3, 1, 2)

    def advance(self, start: int, stop: int) -> Tensor:
        self.calls.append((start, stop))
        assert (self.codes[: stop - 1] >= 0).all()
        return certain((self.codes[: stop - 1].sum(dim=0) + 1) % SIZE)

    def advance_at_position(self) -> Tensor:
        raise AssertionError("only captured work advances by position")


def test_each_code_is_conditional_on_all_earlier_codes() -> None:
    known = torch.full((1, 2, 3), UNKNOWN)
    known[0, 0, 1] = 5
    counting = Counting(Ordering("alternate", 2, 3), 1)
    filled = sample_ordered(
        counting.whole, known, ordering=counting.ordering, params=SamplingParams(temperature=0)
    )
    assert filled.tolist() == [[[1, 5, 0], [0, 0, 0]]]
    known[0, 0, 1] = UNKNOWN
    known[0, 1, 2] = 5
    filled = sample_ordered(
        counting.whole, known, ordering=counting.ordering, params=SamplingParams(temperature=0)
    )
    assert filled.tolist() == [[[1, 2, 4], [5, 6, 5]]]


@pytest.mark.parametrize("name", get_args(OrderName))
@pytest.mark.parametrize("share", [0.0, 0.2, 0.7, 1.0])
@pytest.mark.parametrize("batch", [1, 3])
def test_cached_and_plain_agree_on_any_unknown_region(share: float, batch: int, name: OrderName) -> None:
    generator = torch.Generator().manual_seed(int(10 * share))
    codes = torch.randint(SIZE, (batch, HEIGHT, WIDTH), generator=generator)
    hidden = torch.rand(codes.shape, generator=generator) < share
    known = torch.where(hidden, UNKNOWN, codes)
    ordering = Ordering(name, HEIGHT, WIDTH)
    counting = Counting(ordering, batch)
    plain = sample_ordered(
        counting.whole,
        known,
        ordering=ordering,
        params=SamplingParams(),
        generator=torch.Generator().manual_seed(1),
    )
    cached = sample_ordered_cached(
        counting, known, params=SamplingParams(), generator=torch.Generator().manual_seed(1)
    )
    assert torch.equal(plain, cached)
    assert torch.equal(cached[~hidden], codes[~hidden])


def test_the_random_number_of_a_cell_does_not_depend_on_the_order() -> None:
    """Where codes do not depend on each other, the order changes nothing."""
    known = torch.full((2, HEIGHT, WIDTH), UNKNOWN)

    def flat(codes: Tensor) -> Tensor:
        return torch.zeros(len(codes), SIZE, *codes.shape[1:])

    samples = [
        sample_ordered(
            flat,
            known,
            ordering=Ordering(name, HEIGHT, WIDTH),
            params=SamplingParams(),
            generator=torch.Generator().manual_seed(4),
        )
        for name in get_args(OrderName)
    ]
    raster = sample_raster(flat, known, params=SamplingParams(), generator=torch.Generator().manual_seed(4))
    assert all(torch.equal(sample, raster) for sample in samples)


def test_known_cells_are_not_sampled() -> None:
    ordering = Ordering("column", HEIGHT, WIDTH)
    known = torch.zeros(2, HEIGHT, WIDTH, dtype=torch.int64)
    known[0, 2, 1] = known[1, 3, 1] = known[1, 1, 2] = UNKNOWN  # places 6, 7, 9
    counting = Counting(ordering, 2)
    sample_ordered_cached(counting, known, params=SamplingParams())
    assert counting.calls == [(0, 7), (7, 8), (8, 10)]


def test_the_number_of_threads_is_restored() -> None:
    threads = torch.get_num_threads()
    ordering = Ordering("raster", HEIGHT, WIDTH)
    known = torch.full((1, HEIGHT, WIDTH), UNKNOWN)
    sample_ordered_cached(Counting(ordering, 1), known, params=SamplingParams())
    assert torch.get_num_threads() == threads
