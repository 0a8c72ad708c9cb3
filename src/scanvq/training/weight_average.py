"""The moving average of the weights of a network in training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from scanvq.types import Losses


class WeightAverage:
    """An exponential moving average of weights, as a callback of the loop (Polyak averaging)."""

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        """
        Args:
            network: the network in training, on its device.
            decay: share of the old average at each step; less in the first steps.
        """
        self._network, self._decay = network, decay
        self._average = deepcopy(network).requires_grad_(False)
        self._steps = 0

    @torch.no_grad()
    def after_step(self, losses: Losses) -> None:
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        self._steps += 1
        own = self._network.state_dict()
        for name, value in self._average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(own[name], 1 - decay)
            else:  # a count
                value.copy_(own[name])

    def after_validation(self, values: Mapping[str, float], *, final: bool) -> dict[str, float]:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self._steps, "average": self._average.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._steps = state["steps"]
        self._average.load_state_dict(state["average"])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The network has the average weights inside the block, and its own again after it."""
        own = {name: value.clone() for name, value in self._network.state_dict().items()}
        self._network.load_state_dict(self._average.state_dict())
        try:
            yield
        finally:
            self._network.load_state_dict(own)
