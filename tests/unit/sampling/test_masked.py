"""Masked sampling: the schedule, the input of each step, and reproducibility."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from scanvq.sampling.halton import halton_order
from scanvq.sampling.masked import fill_by_confidence, fill_by_halton, filled_after
from scanvq.sampling.uniforms import uniform_table
from scanvq.types import UNKNOWN, SamplingParams

HEIGHT, WIDTH, SIZE = 5, 6, 7
CELLS = HEIGHT * WIDTH


class Network:
    """Logits of every cell that depend on all codes of its sample; writes down what it is shown."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(5)
        self.weights = torch.randn(CELLS, SIZE + 1, CELLS, SIZE, generator=generator, dtype=torch.float64)
        self.shown: list[Tensor] = []

    def __call__(self, codes: Tensor) -> Tensor:
        self.shown.append(codes.clone())
        seen = F.one_hot(codes.flatten(1) + 1, SIZE + 1).double()  # (B, N, K + 1)
        return torch.einsum("bnk,nkmo->bom", seen, self.weights).unflatten(2, (HEIGHT, WIDTH)) / 3


Fill = Callable[..., Tensor]


def by_confidence(network: Network, known: Tensor, **given: object) -> Tensor:
    return fill_by_confidence(network, known, choice_temperature=4.5, **given)  # type: ignore[arg-type]


@pytest.fixture(params=["halton", "confidence"])
def fill(request: pytest.FixtureRequest) -> Fill:
    return fill_by_halton if request.param == "halton" else by_confidence


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def partly_known(batch: int, *, share: float = 0.6) -> Tensor:
    codes = torch.randint(SIZE, (batch, HEIGHT, WIDTH), generator=seeded(3))
    return torch.where(torch.rand(codes.shape, generator=seeded(4)) < share, UNKNOWN, codes)


@pytest.mark.parametrize("unknown", [0, 1, 2, 5, 11, 12, 13, 30, 256, 4096])
@pytest.mark.parametrize("steps", [1, 2, 8, 12, 16])
def test_the_schedule_fills_all_cells_and_at_least_a_cell_in_every_step(unknown: int, steps: int) -> None:
    filled = filled_after(unknown, steps)
    assert len(filled) == min(unknown, steps)
    assert all(more > less for less, more in pairwise([0, *filled]))
    assert not filled or filled[-1] == unknown


def test_the_schedule_is_the_cosine() -> None:
    filled = filled_after(1024, 8)
    assert filled[:-1] == [1024 - math.floor(1024 * math.cos(math.pi * step / 16)) for step in range(1, 8)]
    each = [more - less for less, more in pairwise([0, *filled])]
    assert each == sorted(each)


def test_as_many_steps_as_cells_fill_one_at_a_time() -> None:
    assert filled_after(5, 12) == [1, 2, 3, 4, 5]


def test_known_codes_stay_and_the_rest_is_filled(fill: Fill) -> None:
    known = partly_known(4)
    asked = known.clone()
    filled = fill(Network(), known, steps=4, params=SamplingParams(), generator=seeded())
    assert torch.equal(known, asked)
    assert torch.equal(filled[known != UNKNOWN], known[known != UNKNOWN])
    assert ((filled >= 0) & (filled < SIZE)).all()


def test_each_step_follows_the_schedule_of_each_sample(fill: Fill) -> None:
    known = partly_known(3)
    known[0] = UNKNOWN
    known[1, :, 2:] = 1  # a few cells at most
    network = Network()
    final = fill(network, known, steps=12, params=SamplingParams(), generator=seeded())
    moments = [*network.shown, final]
    assert len(network.shown) == 12
    for sample in range(3):
        unknown = int((known[sample] == UNKNOWN).sum())
        left = [int((codes[sample] == UNKNOWN).sum()) for codes in moments]
        expected = [unknown, *(unknown - filled for filled in filled_after(unknown, 12))]
        assert left == expected + [0] * (13 - len(expected))
    for before, after in pairwise(moments):
        assert torch.equal(after[before != UNKNOWN], before[before != UNKNOWN])


def test_few_unknown_cells_take_few_steps_and_none_takes_none(fill: Fill) -> None:
    known = torch.zeros(2, HEIGHT, WIDTH, dtype=torch.int64)
    known[0, 2, 1] = known[0, 2, 2] = known[1, 0, 0] = UNKNOWN
    network = Network()
    fill(network, known, steps=12, params=SamplingParams(), generator=seeded())
    assert len(network.shown) == 2
    network = Network()
    whole = torch.zeros(2, HEIGHT, WIDTH, dtype=torch.int64)
    assert torch.equal(fill(network, whole, steps=12, params=SamplingParams(), generator=seeded()), whole)
    assert network.shown == []


def test_chunks_give_the_samples_of_one_batch_whatever_is_known_beside(fill: Fill) -> None:
    known = partly_known(6)
    known[3] = UNKNOWN
    whole = fill(Network(), known, steps=6, params=SamplingParams(), generator=seeded())
    generator = seeded()
    chunks = [
        fill(Network(), part, steps=6, params=SamplingParams(), generator=generator)
        for part in known.split([1, 3, 2])
    ]
    assert torch.equal(torch.cat(chunks), whole)
    assert not torch.equal(
        fill(Network(), known, steps=6, params=SamplingParams(), generator=seeded(1)), whole
    )


def test_samples_in_halton_order_equal_a_plain_implementation() -> None:
    """Sample for sample: the unknown cells in the order that begins at the sample's own place."""
    known = partly_known(5)
    filled = fill_by_halton(Network(), known, steps=6, params=SamplingParams(top_k=4), generator=seeded())
    table = uniform_table(torch.empty(5, CELLS + 1), seeded())
    order = halton_order(HEIGHT, WIDTH).tolist()
    entries = set()
    for sample in range(5):
        entry = int(table[sample, CELLS] * CELLS)
        entries.add(entry)
        codes = known[sample].flatten().tolist()
        todo = [cell for cell in order[entry:] + order[:entry] if codes[cell] == UNKNOWN]
        done = 0
        for until in filled_after(len(todo), 6):
            logits = Network()(torch.tensor(codes).view(1, HEIGHT, WIDTH)).flatten(2)[0].T  # (N, K)
            for cell in todo[done:until]:
                best = logits[cell].topk(4).indices.sort().values
                chances = (logits[cell, best] - logits[cell].max()).exp()
                below = chances.cumsum(0) / chances.sum()
                codes[cell] = int(best[int((below <= table[sample, cell]).sum())])
            done = until
        assert filled[sample].flatten().tolist() == codes
    assert len(entries) > 1


def test_without_noise_the_most_confident_cells_come_first() -> None:
    known = torch.full((3, HEIGHT, WIDTH), UNKNOWN)
    network = Network()
    fill_by_confidence(network, known, steps=6, choice_temperature=0, params=SamplingParams(temperature=0))
    logs = Network()(known).flatten(2).log_softmax(dim=1)
    confidence, drawn = logs.max(dim=1)  # (B, N)
    first = filled_after(CELLS, 6)[0]
    for sample in range(3):
        best = confidence[sample].topk(first).indices
        expected = torch.full((CELLS,), UNKNOWN).scatter(0, best, drawn[sample, best])
        assert torch.equal(network.shown[1][sample].flatten(), expected)


def test_strong_noise_makes_the_first_cells_random() -> None:
    """All cells but one are sure; with noise that one is as good as any other at first."""
    sure = torch.zeros(SIZE, HEIGHT, WIDTH)
    sure[0] = 30
    sure[0, 0, 0] = 0
    firsts: dict[float, list[int]] = {}
    for temperature in (0.0, 1000.0):
        shown: list[Tensor] = []

        def logits_of(codes: Tensor, shown: list[Tensor] = shown) -> Tensor:
            shown.append(codes.clone())
            return sure.expand(len(codes), -1, -1, -1)

        fill_by_confidence(
            logits_of,
            torch.full((300, HEIGHT, WIDTH), UNKNOWN),
            steps=2,
            choice_temperature=temperature,
            params=SamplingParams(),
            generator=seeded(),
        )
        firsts[temperature] = (shown[1][:, 0, 0] != UNKNOWN).sum().item()  # type: ignore[assignment]
    assert firsts[0.0] == 0
    share = filled_after(CELLS, 2)[0] / CELLS
    assert firsts[1000.0] == pytest.approx(300 * share, abs=4 * math.sqrt(300 * share * (1 - share)))


def test_sample_frequencies_equal_probabilities(fill: Fill) -> None:
    known = torch.zeros(4000, HEIGHT, WIDTH, dtype=torch.int64)
    known[:, 2, 3] = UNKNOWN
    chances = Network()(known[:1])[0, :, 2, 3].softmax(dim=0)
    drawn = fill(Network(), known, steps=3, params=SamplingParams(), generator=seeded())[:, 2, 3]
    shares = drawn.bincount(minlength=SIZE) / 4000
    assert ((shares - chances).abs() <= 4 * (chances * (1 - chances) / 4000).sqrt() + 1e-3).all()
