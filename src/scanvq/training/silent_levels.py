"""Finds levels of a hierarchy that say nothing while it trains, and asks more of the coarsest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from scanvq.metrics.ssim import ssim
from scanvq.training.engine import Engine
from scanvq.training.treatment import raise_top_weight
from scanvq.types import Codes, Tokenizer

SILENT = 0.005  # of SSIM that a level must be worth
PATIENCE = (
    3  # visits in a row: levels that wake by themselves were seen silent at two, while images are blurs
)


class SilentLevels:
    """Looks for coarser levels whose codes may be those of another image without harm.

    The prior of such a level would learn noise. Silent at three visits in a row, the coarsest level gets more
    of `top_weight`, the loss of what it gives alone; the others have no such loss, and are only told of.

    Args:
        tokenizer: in training.
        images: gives a few of the validation split, (B, 1, H, W).
        engine: the processes that train together.
        say: tells the user.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        images: Callable[[], Tensor],
        engine: Engine,
        say: Callable[[str], None],
    ) -> None:
        self._tokenizer, self._images, self._engine, self._say = tokenizer, images, engine, say
        self._visits = [0 for _ in tokenizer.codebook_sizes[1:]]  # in a row at which a level was silent
        self._top_weight: float | None = None  # where changed

    def visit(self, alone: str) -> dict[str, float]:
        """Measures what each level but the finest is worth, and acts on it.

        Args:
            alone: why nothing is to be changed; "" to act.

        Returns:
            `worth` of each, the SSIM that is lost when its codes are those of another image, and `top_weight`
            where changed. Nothing where there is one image only.
        """
        if not self._visits:
            return {}
        images = self._images()
        if len(images) < 2:
            return {}
        codes = self._tokenizer.encode(images)
        plain = self._similarity(codes, images)
        found = {}
        for level in range(len(self._visits)):
            others = tuple(one.roll(1, 0) if number == level else one for number, one in enumerate(codes))
            (worth,) = self._engine.largest([plain - self._similarity(others, images)])
            found[f"worth_{level}"] = worth
            self._visits[level] = self._visits[level] + 1 if worth < SILENT else 0
            if self._visits[level]:
                done, told = ({}, alone) if alone else self._wake(level)
                found |= done
                self._say(
                    f"level {level} says next to nothing: with the codes of another image SSIM falls by "
                    f"{max(worth, 0):.4f}; {told}"
                )
        return found

    def state_dict(self) -> dict[str, Any]:
        """What must be kept so that training goes on alike."""
        return {"visits": list(self._visits), "top_weight": self._top_weight}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what was kept, and sets the tokenizer's weight where it was changed."""
        self._visits, self._top_weight = list(state["visits"]), state["top_weight"]
        if self._top_weight is not None:
            self._tokenizer.top_weight = self._top_weight

    def _wake(self, level: int) -> tuple[dict[str, float], str]:
        if level > 0:
            return {}, "only the coarsest level has a loss of its own"
        if self._visits[level] < PATIENCE:
            return {}, "watched"
        change = raise_top_weight(self._tokenizer)
        if change is None:
            return {}, "top_weight is at its bound, or was turned off"
        self._top_weight = change.new
        return {change.name: change.new}, str(change)

    def _similarity(self, codes: Codes, images: Tensor) -> float:
        rebuilt = self._tokenizer.decode(codes).float().clamp(0, 1)
        return float(ssim(rebuilt, images).mean())
