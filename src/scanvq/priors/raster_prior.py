"""What every prior that reads the grid row by row shares: its labels, its place, its sampler."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from scanvq.priors.guidance import refuse_guidance
from scanvq.priors.label_choice import check_labels, class_numbers
from scanvq.priors.spatial_condition import SpatialCondition
from scanvq.sampling.raster import RasterSteps, sample_raster_cached
from scanvq.types import Condition, InpaintingSupport, LikelihoodPrior, SamplingParams


class RasterPrior(LikelihoodPrior):
    """A likelihood prior in raster order that can go through a grid cell by cell."""

    inpainting_support: ClassVar[InpaintingSupport] = "later codes"
    spatial: SpatialCondition | None

    @abstractmethod
    def steps(self, known: Tensor, *, coarser: Tensor | None, condition: Condition | None) -> RasterSteps:
        """The network with its caches, for grids like `known` (B, h, w)."""

    def sample(
        self,
        known: Tensor,
        *,
        coarser: Tensor | None = None,
        condition: Condition | None = None,
        params: SamplingParams,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Fills every UNKNOWN cell of `known` (B, h, w), computing for each cell only what is new.

        Raises:
            ValueError: a label that the prior does not have, or guidance.
        """
        check_labels(condition, self.classes)
        refuse_guidance(params, "PixelCNN")
        device = next(self.parameters()).device
        with torch.inference_mode(), torch.autocast(device.type, enabled=False):
            steps = self.steps(known, coarser=coarser, condition=condition)
            codes = sample_raster_cached(steps, known, params=params, generator=generator)
        return codes.clone()  # out of inference mode, so that it may be trained on

    def labels(self, codes: Tensor, condition: Condition | None) -> Tensor | None:
        """Class numbers (B,), `classes` for any class; None for an unconditional prior."""
        return class_numbers(codes, condition, self.classes)

    def place(self, codes: Tensor, coarser: Tensor | None) -> Tensor | None:
        """The spatial condition (B or 1, C, h, w), if this prior has one."""
        return None if self.spatial is None else self.spatial(*codes.shape[-2:], coarser)
