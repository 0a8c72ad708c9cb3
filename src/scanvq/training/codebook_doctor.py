"""Looks after the codebooks while a tokenizer trains: finds codes that do nothing, acts, and says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from scanvq.metrics.ssim import ssim
from scanvq.types import Codes, Tokenizer

HEALTHY = 0.8  # of a codebook that is in use
CELLS_A_CODE = 10  # fewer validation cells than this for each code tell nothing about its use
SILENT = 0.005  # of SSIM that a level must be worth


class CodebookDoctor:
    """Examines a tokenizer after each validation.

    Where less than 80 % of a codebook is in use, the codes that are chosen least restart from features
    (`Quantizer.restart_unused`). A coarser level whose codes may be those of another image without harm is
    reported: its prior would learn noise.

    Args:
        tokenizer: in training.
        cells: codes of each level in the whole validation split.
        say: tells the user.
    """

    def __init__(self, tokenizer: Tokenizer, *, cells: tuple[int, ...], say: Callable[[str], None]) -> None:
        self._tokenizer, self._cells, self._say = tokenizer, cells, say

    def visit(self, values: Mapping[str, float], images: Tensor) -> dict[str, float]:
        """Acts on the values of a validation.

        Args:
            values: with `codes_used`, a level's number behind it where there are several.
            images: a few of the validation split, (B, 1, H, W).

        Returns:
            What belongs into the history: `codes_restarted` of each level in need, and for each level but
            the finest `worth`, the SSIM that is lost when its codes are those of another image.
        """
        found: dict[str, float] = {}
        sizes = self._tokenizer.codebook_sizes
        for level, (size, cells) in enumerate(zip(sizes, self._cells, strict=True)):
            suffix = f"_{level}" if len(sizes) > 1 else ""
            used = values[f"codes_used{suffix}"]
            if cells < CELLS_A_CODE * size or used >= HEALTHY * size:
                continue
            restarted = self._tokenizer.quantizers_by_level[level].restart_unused()
            found[f"codes_restarted{suffix}"] = float(restarted)
            act = f"{restarted} restart from features" if restarted else "this quantizer cannot restart them"
            self._say(f"codebook{suffix.replace('_', ' ')}: {used:.0f} of {size} codes in use; {act}")
        if len(sizes) > 1 and len(images) > 1:
            found |= self._worths(images)
        return found

    def _worths(self, images: Tensor) -> dict[str, float]:
        codes = self._tokenizer.encode(images)
        plain = self._similarity(codes, images)
        worths = {}
        for level in range(len(codes) - 1):
            others = tuple(one.roll(1, 0) if number == level else one for number, one in enumerate(codes))
            worth = plain - self._similarity(others, images)
            worths[f"worth_{level}"] = worth
            if worth < SILENT:
                self._say(
                    f"level {level} says next to nothing: with the codes of another image SSIM falls by "
                    f"{max(worth, 0):.4f}; raise tokenizer.top_weight"
                )
        return worths

    def _similarity(self, codes: Codes, images: Tensor) -> float:
        rebuilt = self._tokenizer.decode(codes).float().clamp(0, 1)
        return float(ssim(rebuilt, images).mean())
