"""The device of the tests marked `gpu`."""

from __future__ import annotations

import os

import pytest
import torch


@pytest.fixture(scope="session")
def device() -> torch.device:
    """CUDA, or what SCANVQ_TEST_DEVICE names: on "cpu" the tests show only that they run."""
    name = os.environ.get("SCANVQ_TEST_DEVICE", "cuda")
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device; PyTorch sees none here")
    return torch.device(name)


@pytest.fixture
def _exact_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions in full fp32, where a GPU would take fewer bits of the mantissa (TF32)."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
