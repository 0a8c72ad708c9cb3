"""Two processes with half the batch each learn the codebook of a single process with the whole batch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import distributed as dist

from scanvq.quantizers import MovingAverageQuantizer, NearestQuantizer
from scanvq.quantizers.distributed import generator_at
from scanvq.types import Quantizer

SIZE, DIM, STEPS = 40, 4, 25


def features(step: int) -> torch.Tensor:
    """Half background, so that codes die; the split 2 + 1 is uneven on purpose."""
    given = torch.randn(3, DIM, 8, 8, generator=torch.Generator().manual_seed(step))
    given[:, :, :4] = 1.0
    return given


def quantizers() -> list[Quantizer]:
    torch.manual_seed(0)
    return [
        MovingAverageQuantizer(codebook_size=SIZE, code_dim=DIM, restart_after=3),
        NearestQuantizer(codebook_size=SIZE, code_dim=DIM, start="data"),
    ]


def train(rank: int, folder: str) -> None:
    """What one of two processes does."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    made = quantizers()
    codes = [[one(features(step).split(2)[rank]).codes[0] for step in range(STEPS)] for one in made]
    empty = made[0](features(STEPS)[: 3 * rank]).codes[0]  # rank 0 has nothing
    torch.save([[one.state_dict() for one in made], codes, empty], f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path: Path) -> None:
    commands = [[sys.executable, __file__, str(rank), str(tmp_path)] for rank in range(2)]
    processes = [subprocess.Popen(command) for command in commands]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    made = quantizers()
    codes = [[one(features(step)).codes[0] for step in range(STEPS)] for one in made]
    whole = made[0](features(STEPS)).codes[0]
    loaded = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    for number, one in enumerate(made):
        for step in range(STEPS):
            joined = torch.cat([states[1][number][step] for states in loaded])
            assert torch.equal(joined, codes[number][step])
        for states in loaded:
            for name, value in one.state_dict().items():
                torch.testing.assert_close(states[0][number][name], value, atol=1e-5, rtol=1e-5)
    assert torch.equal(loaded[1][2], whole)
    assert all(torch.equal(value, loaded[1][0][0][name]) for name, value in loaded[0][0][0].items())


@pytest.mark.parametrize("step", [0, 7])
def test_random_choices_depend_on_the_step_only(step: int) -> None:
    torch.manual_seed(step + 1)
    one = torch.rand(3, generator=generator_at(step))
    torch.rand(5)
    assert torch.equal(one, torch.rand(3, generator=generator_at(step)))
    assert not torch.equal(one, torch.rand(3, generator=generator_at(step + 1)))


if __name__ == "__main__":
    train(int(sys.argv[1]), sys.argv[2])
