"""The device and processes of a run, through Hugging Face Accelerate."""

from __future__ import annotations

import sys
import warnings

import psutil
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor, nn

from scanvq.kernels.allocator import keep_freed_memory
from scanvq.nn.device import choose_device
from scanvq.types import Objective


class Engine:
    """One process of a run, started as a single process, by torchrun, or by the scheduler of a cluster.

    Args:
        device: "auto", "cpu", or "cuda".

    Raises:
        ValueError: a device that this machine does not have.
    """

    def __init__(self, *, device: str = "auto") -> None:
        chosen = choose_device(device)
        self._parallel = DistributedDataParallelKwargs(broadcast_buffers=False)
        self.accelerator = Accelerator(cpu=chosen.type == "cpu", kwargs_handlers=[self._parallel])
        self.device: torch.device = self.accelerator.device
        if self.device.type == "cpu":
            keep_freed_memory()
        self.rank: int = self.accelerator.process_index
        self.processes: int = self.accelerator.num_processes

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def wait(self) -> None:
        self.accelerator.wait_for_everyone()

    def parallel(self, objective: Objective) -> nn.Module:
        """Moves the objective to the device, and averages gradients over the processes."""
        self._parallel.find_unused_parameters = len(objective.players) > 1
        objective.to(self.device)
        if self.processes > 1:  # a convolution of one channel has two memory layouts that are the same
            warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        with warnings.catch_warnings():  # PyTorch 2.4 does not know the newer name
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
            wrapped: nn.Module = self.accelerator.prepare_model(objective)
        return wrapped

    def largest(self, values: list[float]) -> list[float]:
        """The element-wise maximum over the processes, so that all processes decide the same."""
        if self.processes == 1:
            return values
        numbers = torch.tensor(values, device=self.device, dtype=torch.float64)
        torch.distributed.all_reduce(numbers, op=torch.distributed.ReduceOp.MAX)
        return [float(number) for number in numbers]

    def sum(self, numbers: Tensor) -> Tensor:
        """The sum over the processes; all must pass the same shape."""
        if self.processes > 1:
            torch.distributed.all_reduce(numbers)
        return numbers

    def peak_memory_mb(self) -> float:
        """Peak memory so far: of the device on CUDA, else of the process."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 2**20
        return peak_process_mb()


def peak_process_mb() -> float:
    """Peak memory of this process so far."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
