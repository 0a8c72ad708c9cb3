"""What the report needs of a trained run; `scanvq.api.Run` is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch

from scanvq.imaging.preparation import Preparation
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.recipe.recipe import Recipe
from scanvq.storage.run_directory import RunDirectory
from scanvq.types import Codes, SamplingParams, Tokenizer


class Trained(Protocol):
    """A run with its tokenizer in evaluation mode on `device`."""

    directory: RunDirectory
    recipe: Recipe
    device: torch.device
    tokenizer: Tokenizer
    header: dict[str, Any]
    preparation: Preparation
    labels: tuple[str, ...]

    @property
    def prior(self) -> HierarchicalPrior: ...

    @property
    def has_prior(self) -> bool: ...

    @property
    def code_shapes(self) -> tuple[tuple[int, int], ...]: ...

    def sample_codes(
        self,
        count: int,
        *,
        label: str | None,
        params: SamplingParams,
        seed: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> Codes: ...

    def sampling_params(
        self,
        *,
        label: str | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        guidance: float | None = None,
    ) -> SamplingParams: ...
