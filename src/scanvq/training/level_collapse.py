"""Finds levels of a hierarchy that say nothing while it trains, and asks more of the coarsest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from scanvq.metrics.ssim import ssim
from scanvq.training.adjustment import WithTopWeight, raise_top_weight
from scanvq.training.engine import Engine
from scanvq.types import Codes, Tokenizer

COLLAPSED = 0.005  # of SSIM that a level must be worth
PATIENCE = (
    3  # visits in a row: levels that wake by themselves were seen silent at two, while images are blurs
)


class LevelCollapseMonitor:
    """Finds coarser levels whose codes can be exchanged for those of another image without loss.

    The prior of such a level would learn noise. Found after three validations in a row, the coarsest
    level gets more of `top_weight`, the loss of what it decodes to alone; other levels have no such loss, and
    are only reported.

    Args:
        tokenizer: in training.
        images: gives a few of the validation split, (B, 1, H, W).
        engine: the processes that train together.
        info: shows a line to the user.
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
        self._top_weight: float | None = None  # where changed

    def after_validation(self, reason_to_skip: str) -> dict[str, float]:
        """Measures what each level but the finest is worth, and adjusts.

        Args:
            reason_to_skip: why nothing is to be changed; "" to adjust.

        Returns:
            `worth` of each, the SSIM that is lost when its codes are those of another image, and `top_weight`
            where changed. Nothing where there is one image only.
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
            others = tuple(one.roll(1, 0) if number == level else one for number, one in enumerate(codes))
            (worth,) = self._engine.largest([plain - self._similarity(others, images)])
            found[f"worth_{level}"] = worth
            self._collapsed_for[level] = self._collapsed_for[level] + 1 if worth < COLLAPSED else 0
            if self._collapsed_for[level]:
                done, reported = ({}, reason_to_skip) if reason_to_skip else self._raise_weight(level)
                found |= done
                self._info(
                    f"level {level} says next to nothing: with the codes of another image SSIM falls by "
                    f"{max(worth, 0):.4f}; {reported}"
                )
        return found

    def state_dict(self) -> dict[str, Any]:
        """What must be kept so that training goes on alike."""
        return {"collapsed_for": list(self._collapsed_for), "top_weight": self._top_weight}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what was kept, and sets the tokenizer's weight where it was changed."""
        self._collapsed_for, self._top_weight = list(state["collapsed_for"]), state["top_weight"]
        if self._top_weight is not None and isinstance(self._tokenizer, WithTopWeight):
            self._tokenizer.top_weight = self._top_weight

    def _raise_weight(self, level: int) -> tuple[dict[str, float], str]:
        if level > 0:
            return {}, "only the coarsest level has a loss of its own"
        if self._collapsed_for[level] < PATIENCE:
            return {}, "watched"
        change = raise_top_weight(self._tokenizer)
        if change is None:
            return {}, "top_weight is at its bound, or was turned off"
        self._top_weight = change.new
        return {change.name: change.new}, str(change)

    def _similarity(self, codes: Codes, images: Tensor) -> float:
        rebuilt = self._tokenizer.decode(codes).float().clamp(0, 1)
        return float(ssim(rebuilt, images).mean())
