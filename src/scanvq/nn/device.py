"""Selection of the PyTorch device by name."""

from __future__ import annotations

import torch

DEVICES = ("auto", "cpu", "cuda", "mps")


def choose_device(name: str) -> torch.device:
    """The device of a name; "auto" is cuda or mps if available, else cpu.

    Raises:
        ValueError: an unknown name, or a device that is not available.
    """
    if name not in DEVICES:
        raise ValueError(f"device is {name!r}; use auto, cpu, cuda or mps")
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "cuda" and not has_cuda:
        raise ValueError("device is cuda, but PyTorch sees no CUDA device here; use --device auto or cpu")
    if name == "mps" and not has_mps:
        raise ValueError("device is mps, but PyTorch sees no Metal device here; use --device auto or cpu")
    if name == "auto":
        return torch.device("cuda" if has_cuda else "mps" if has_mps else "cpu")
    return torch.device(name)
