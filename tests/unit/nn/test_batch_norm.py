"""Batch normalization beside PyTorch's own, on one process and on two."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from torch import distributed as dist
from torch import nn

from scanvq.nn.batch_norm import BatchNorm

CHANNELS = 5


def images(seed: int) -> torch.Tensor:
    return torch.randn(6, CHANNELS, 4, 3, generator=torch.Generator().manual_seed(seed)) * 2 + 7


def slopes() -> torch.Tensor:
    return torch.randn(6, CHANNELS, 4, 3, generator=torch.Generator().manual_seed(50))


def test_equals_pytorch() -> None:
    ours, theirs = BatchNorm(CHANNELS), nn.BatchNorm2d(CHANNELS)
    for seed in range(3):
        torch.testing.assert_close(ours(images(seed)), theirs(images(seed)), rtol=0, atol=0)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(images(9)), theirs.eval()(images(9)), rtol=0, atol=0)


def test_without_running_statistics_equals_pytorch() -> None:
    ours, theirs = BatchNorm(CHANNELS, running=False), nn.BatchNorm2d(CHANNELS, track_running_stats=False)
    for training in (True, False):
        given = images(3)
        torch.testing.assert_close(ours.train(training)(given), theirs.train(training)(given), rtol=0, atol=0)
    assert set(ours.state_dict()) == {"weight", "bias"}


def train(rank: int, folder: str) -> None:
    """Each of two processes takes its half of the batch and saves what came out."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    norm = BatchNorm(CHANNELS)
    for seed in range(3):
        given = images(seed).chunk(2)[rank].requires_grad_()
        out = norm(given)
        norm.zero_grad()
        (out * slopes().chunk(2)[rank]).sum().backward()
    for parameter in norm.parameters():
        dist.all_reduce(parameter.grad)
    gradients = [parameter.grad for parameter in norm.parameters()]
    torch.save([out.detach(), given.grad, *gradients, *norm.buffers()], f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path: Path) -> None:
    commands = [[sys.executable, __file__, str(rank), str(tmp_path)] for rank in range(2)]
    processes = [subprocess.Popen(command) for command in commands]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    halves = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    norm = nn.BatchNorm2d(CHANNELS)
    for seed in range(3):
        given = images(seed).requires_grad_()
        out = norm(given)
        norm.zero_grad()
        (out * slopes()).sum().backward()
    torch.testing.assert_close(torch.cat([half[0] for half in halves]), out.detach(), atol=1e-5, rtol=1e-5)
    assert given.grad is not None
    torch.testing.assert_close(torch.cat([half[1] for half in halves]), given.grad, atol=1e-5, rtol=1e-5)
    rest = [norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var]
    for half in halves:
        for ours, expected in zip(half[2:], rest, strict=True):
            torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)


if __name__ == "__main__":
    train(int(sys.argv[1]), sys.argv[2])
