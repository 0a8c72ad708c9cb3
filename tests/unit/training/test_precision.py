"""Choosing a precision measures copies, and does not change the objective."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pytest
import torch

from scanvq.conditions.condition import Condition
from scanvq.nn import precision
from scanvq.nn.precision import CANDIDATES, PATIENCE, TURNS, Precision, time_interleaved
from scanvq.objectives.reconstruct import Reconstruct
from scanvq.quantizers import MovingAverageQuantizer
from scanvq.tokenizers import VQVAE
from scanvq.training.precision import measure
from scanvq.types import Batch, Losses, Objective

CPU = torch.device("cpu")


def objective() -> Reconstruct:
    quantizer = MovingAverageQuantizer(codebook_size=8, code_dim=4)
    return Reconstruct(tokenizer=VQVAE(quantizer=quantizer, channels=(4, 8), residual_channels=4), mse=1.0)


def test_measuring_does_not_change_the_objective() -> None:
    one = objective()
    before = {name: value.clone() for name, value in one.state_dict().items()}
    seconds = measure(one, Batch(images=torch.rand(2, 1, 16, 16)), CPU)
    assert tuple(seconds) == CANDIDATES
    assert min(seconds.values()) > 0
    assert all(torch.equal(value, before[name]) for name, value in one.state_dict().items())
    assert all(parameter.grad is None for parameter in one.parameters())
    assert one.tokenizer.encoder[0].weight.is_contiguous()  # type: ignore[index]


@pytest.mark.parametrize(("slow", "turns"), [(0.001, 1 + TURNS), (PATIENCE / 10, 2), (2 * PATIENCE, 1)])
def test_slow_steps_are_measured_less_often(slow: float, turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, calls = [0.0], {one: 0 for one in CANDIDATES[:2]}
    for name in ("monotonic", "perf_counter"):
        monkeypatch.setattr(precision.time, name, lambda: clock[0])

    def work(one: Precision, seconds: float) -> Callable[[], None]:
        def step() -> None:
            calls[one] += 1
            clock[0] += seconds * (3 if calls[one] == 1 else 1)  # the first one allocates

        return step

    measured = time_interleaved({one: work(one, slow * (1 + n)) for n, one in enumerate(calls)}, CPU)
    assert set(calls.values()) == {turns}
    first = 3 if turns == 1 else 1
    assert list(measured.values()) == pytest.approx([slow * first, 2 * slow * first])


class Slow(Objective):
    """Takes `seconds` per sample by a simulated clock, and records the batch sizes."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.seconds, self.clock = seconds, [0.0]
        self.sizes: list[int] = []

    def __deepcopy__(self, _: object) -> Slow:
        return self

    @property
    def players(self) -> Mapping[str, Iterable[torch.nn.Parameter]]:
        return {"only": [self.weight]}

    def forward(self, batch: Batch, player: str, step: int) -> Losses:
        assert batch.codes is not None
        assert batch.condition.label is not None
        assert {len(level) for level in batch.codes} == {len(batch.condition.label)}
        self.sizes.append(len(batch.condition.label))
        self.clock[0] += self.seconds * self.sizes[-1]
        return Losses(total=self.weight.square(), parts={})


@pytest.mark.parametrize(("seconds", "tried"), [(0.01, 16), (0.5, 4), (5.0, 2)])
def test_a_slow_batch_is_measured_in_part(
    seconds: float, tried: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(seconds)
    for name in ("monotonic", "perf_counter"):
        monkeypatch.setattr(precision.time, name, lambda: slow.clock[0])
    codes = (torch.zeros(16, 2, 2, dtype=torch.int64), torch.zeros(16, 4, 4, dtype=torch.int64))
    measure(slow, Batch(codes=codes, condition=Condition(label=torch.zeros(16, dtype=torch.int64))), CPU)
    assert slow.sizes[-1] == max(slow.sizes) == tried


def test_all_processes_take_the_same_number_of_steps() -> None:
    """The slowest process decides: here another process was slow, so one step is enough."""
    calls: list[int] = []
    time_interleaved({Precision(): lambda: calls.append(0)}, CPU, largest=lambda times: [times[0] + PATIENCE])
    assert len(calls) == 1


def test_a_precision_sets_the_number_format() -> None:
    layer, images = torch.nn.Linear(2, 2), torch.zeros(1, 2)
    with Precision(autocast="bf16").context(CPU):
        assert layer(images).dtype == torch.bfloat16
    with Precision().context(CPU):
        assert layer(images).dtype == torch.float32


def test_weights_get_the_memory_format() -> None:
    one = objective()
    Precision(channels_last=True).apply_memory_format(one)
    weights = one.tokenizer.decoder[0].weight  # type: ignore[index]
    assert weights.is_contiguous(memory_format=torch.channels_last)


def test_a_precision_is_kept_in_the_resume_state() -> None:
    for one in CANDIDATES:
        assert Precision(**vars(one)) == one
    assert [str(one) for one in CANDIDATES] == [
        "fp32",
        "fp32 channels_last",
        "bf16 channels_last",
    ]
