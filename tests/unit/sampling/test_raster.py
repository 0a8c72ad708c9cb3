from __future__ import annotations

import pytest
import torch
from torch import Tensor

from scanvq.sampling.raster import RasterStepper, sample_raster, sample_raster_cached
from scanvq.types import UNKNOWN, SamplingParams

HEIGHT, WIDTH, SIZE = 4, 5, 7


def counting_logits(codes: Tensor) -> Tensor:
    """Certain of one code: the sum of all codes before the cell, plus one, modulo K."""
    flat = codes.flatten(1)
    answer = (flat.cumsum(dim=1) - flat + 1) % SIZE
    return torch.nn.functional.one_hot(answer, SIZE).movedim(2, 1).unflatten(2, codes.shape[1:]) * 100.0


class CountingStepper(RasterStepper):
    """The same, cell by cell; writes down what it is asked."""

    def __init__(self, known: Tensor) -> None:
        batch, height, width = known.shape
        super().__init__((batch, height, width), torch.zeros(width, batch, dtype=torch.int64))
        self.asked: list[tuple[int, int, int]] = []
        self.finished: list[tuple[int, int]] = []
        self.skipped = -1

    def _skip_to(self, row: int, codes: Tensor) -> None:
        self.skipped = row

    def _start_row(self, row: int, codes: Tensor) -> None:
        assert (codes[:, :row] >= 0).all()
        self.at = row
        self.total = codes[:, :row].sum(dim=(1, 2))

    def advance(self, start: int, stop: int) -> Tensor:
        self.asked.append((self.at, start, stop))
        assert (self.line[: stop - 1] >= 0).all()
        answer = (self.total + self.line[: stop - 1].sum(dim=0) + 1) % SIZE
        return torch.nn.functional.one_hot(answer, SIZE) * 100.0

    def _finish_row(self, start: int) -> None:
        assert (self.line >= 0).all()
        self.finished.append((self.at, start))


def test_each_code_is_conditional_on_all_earlier_codes() -> None:
    known = torch.full((1, 2, 3), UNKNOWN)
    known[0, 0, 1] = 5
    filled = sample_raster(counting_logits, known, params=SamplingParams(temperature=0))
    assert filled.tolist() == [[[1, 5, 0], [0, 0, 0]]]


@pytest.mark.parametrize("share", [0.0, 0.2, 0.7, 1.0])
@pytest.mark.parametrize("batch", [1, 3])
def test_cached_and_plain_agree_on_any_unknown_region(share: float, batch: int) -> None:
    generator = torch.Generator().manual_seed(int(10 * share))
    codes = torch.randint(SIZE, (batch, HEIGHT, WIDTH), generator=generator)
    hidden = torch.rand(codes.shape, generator=generator) < share
    known = torch.where(hidden, UNKNOWN, codes)
    plain = sample_raster(
        counting_logits, known, params=SamplingParams(), generator=torch.Generator().manual_seed(1)
    )
    cached = sample_raster_cached(
        CountingStepper(known), known, params=SamplingParams(), generator=torch.Generator().manual_seed(1)
    )
    assert torch.equal(plain, cached)
    assert torch.equal(cached[~hidden], codes[~hidden])


def test_known_cells_are_not_sampled_and_known_rows_are_skipped() -> None:
    known = torch.zeros(2, HEIGHT, WIDTH, dtype=torch.int64)
    known[0, 1, 2] = known[1, 1, 3] = known[1, 2, 0] = UNKNOWN
    stepper = CountingStepper(known)
    sample_raster_cached(stepper, known, params=SamplingParams())
    assert stepper.skipped == 1
    assert stepper.asked == [(1, 0, 3), (1, 3, 4), (2, 0, 1)]
    assert stepper.finished == [(1, 4)]


@pytest.mark.parametrize("known_from", [0, 3, 11])
def test_stepper_logits_equal_those_of_the_whole_grid(known_from: int) -> None:
    """Codes before `known_from` are set without asking, as where an image is completed."""
    codes = torch.randint(SIZE, (2, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(2))
    expected = counting_logits(codes).flatten(2)
    stepper = CountingStepper(codes)
    assert stepper.cells == tuple(range(HEIGHT * WIDTH))
    for cell in stepper.cells:
        if cell >= known_from:
            assert torch.equal(stepper.logits(cell), expected[:, :, cell])
        stepper.set(cell, codes.flatten(1)[:, cell])
    assert torch.equal(stepper.all_codes(), codes)


def test_the_number_of_threads_is_restored() -> None:
    threads = torch.get_num_threads()
    known = torch.full((1, HEIGHT, WIDTH), UNKNOWN)
    sample_raster_cached(CountingStepper(known), known, params=SamplingParams())
    assert torch.get_num_threads() == threads
