"""Finds collapsed levels of a hierarchy during training, and raises the loss weight of the coarsest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from torch import Tensor

from scanvq.metrics.ssim import ssim
from scanvq.training.adjustment import WithTopWeight, raise_top_weight
from scanvq.training.engine import Engine
from scanvq.types import Codes, Tokenizer

MIN_WORTH = 0.005  # of SSIM; a level that is worth less has collapsed
PATIENCE = 3  # validations in a row: early in training, levels were seen to recover by themselves after two


@dataclass(frozen=True)
class _Saved:
    """The state that resumed training needs."""

    collapsed_for: list[int]
    top_weight: float | None


class LevelCollapseMonitor:
    """Finds coarser levels whose codes can be exchanged for those of another image without loss of SSIM.

    The prior of such a level would learn noise. After three such validations in a row `top_weight` is raised,
    the weight of the loss on what the coarsest level alone decodes to; other levels have no such loss, and
    are only reported.

    Args:
        tokenizer: in training.
        images: returns a few images of the validation split, (B, 1, H, W).
        engine: the processes that train together.
        info: shows a message to the user.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        images: Callable[[], Tensor],
        engine: Engine,
        info: Callable[[str], None],
    ) -> None:
        self._tokenizer, self._images, self._engine, self._info = tokenizer, images, engine, info
        self._collapsed_for = [0 for _ in tokenizer.codebook_sizes[1:]]  # validations in a row
        self._top_weight: float | None = None  # if changed

    def after_validation(self, reason_to_skip: str) -> dict[str, float]:
        """Measures the worth of each level but the finest, and adjusts.

        Args:
            reason_to_skip: why nothing is to be changed; "" to adjust.

        Returns:
            Values for the history: `worth` of each level, the SSIM lost with the codes of another image, and
            `top_weight` if changed. Empty for a single image.
        """
        if not self._collapsed_for:
            return {}
        images = self._images()
        if len(images) < 2:
            return {}
        codes = self._tokenizer.encode(images)
        plain = self._similarity(codes, images)
        found = {}
        for level in range(len(self._collapsed_for)):
            exchanged = tuple(
                grid.roll(1, 0) if number == level else grid for number, grid in enumerate(codes)
            )
            (worth,) = self._engine.largest([plain - self._similarity(exchanged, images)])
            found[f"worth_{level}"] = worth
            self._collapsed_for[level] = self._collapsed_for[level] + 1 if worth < MIN_WORTH else 0
            if self._collapsed_for[level]:
                done, message = ({}, reason_to_skip) if reason_to_skip else self._raise_weight(level)
                found |= done
                self._info(
                    f"level {level} carries almost no information: with the codes of another image SSIM "
                    f"falls by {max(worth, 0):.4f}; {message}"
                )
        return found

    def state_dict(self) -> dict[str, Any]:
        """The state that resumed training needs."""
        return {"collapsed_for": list(self._collapsed_for), "top_weight": self._top_weight}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Loads a state, and applies its changed weight to the tokenizer.

        Raises:
            ValueError: a state of other fields, types or levels.
        """
        saved = TypeAdapter(_Saved).validate_python(state)
        if len(saved.collapsed_for) != len(self._collapsed_for):
            raise ValueError("collapsed_for has another number of levels")
        self._collapsed_for, self._top_weight = saved.collapsed_for, saved.top_weight
        if self._top_weight is not None and isinstance(self._tokenizer, WithTopWeight):
            self._tokenizer.top_weight = self._top_weight

    def _raise_weight(self, level: int) -> tuple[dict[str, float], str]:
        if level > 0:
            return {}, "only the coarsest level has an adjustable loss"
        if self._collapsed_for[level] < PATIENCE:
            return {}, f"adjusted after {PATIENCE} validations in a row"
        change = raise_top_weight(self._tokenizer)
        if change is None:
            return {}, "top_weight is at its maximum, or turned off"
        self._top_weight = change.new
        return {change.name: change.new}, str(change)

    def _similarity(self, codes: Codes, images: Tensor) -> float:
        rebuilt = self._tokenizer.decode(codes).float().clamp(0, 1)
        return float(ssim(rebuilt, images).mean())
