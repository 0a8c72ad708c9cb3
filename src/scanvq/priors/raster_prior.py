"""Abstract base class of priors in raster order: spatial condition and cached sampling."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from scanvq.conditions.condition import Condition
from scanvq.priors.guidance import refuse_guidance
from scanvq.priors.spatial_condition import SpatialCondition
from scanvq.sampling.raster import RasterStepper, sample_raster_cached
from scanvq.types import Codes, InpaintingSupport, LevelWatch, LikelihoodPrior, SamplingParams


class RasterPrior(LikelihoodPrior):
    """A likelihood prior in raster order with a stepper."""

    inpainting_support: ClassVar[InpaintingSupport] = "later codes"
    spatial: SpatialCondition | None

    @abstractmethod
    def stepper(
        self,
        shape: tuple[int, int, int],
        *,
        context: Codes = (),
        condition: Condition | None = None,
    ) -> RasterStepper:
        """Computes the same logits as `logits`, cell by cell in raster order."""

    def _fill(
        self,
        known: Tensor,
        *,
        context: Codes,
        condition: Condition | None,
        params: SamplingParams,
        generator: torch.Generator | None,
        watch: LevelWatch | None,
    ) -> Tensor:
        """Samples cell by cell from cached features. Raises ValueError for guidance."""
        refuse_guidance(params, "PixelCNN")
        batch, height, width = known.shape
        stepper = self.stepper((batch, height, width), context=context, condition=condition)
        return sample_raster_cached(stepper, known, params=params, generator=generator, watch=watch)

    def spatial_map(self, codes: Tensor, context: Codes) -> Tensor | None:
        """The spatial condition (B or 1, C, h, w); None without positions and context.

        Raises:
            ValueError: codes of a coarser level are missing, or another grid than of the learned positions.
        """
        self._check_context(context)
        return None if self.spatial is None else self.spatial(*codes.shape[-2:], context)
