"""Monitors codebook use while a tokenizer trains: finds underused codebooks, adjusts and reports them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import InstanceOf, TypeAdapter
from torch import Tensor

from scanvq.metrics.code_usage import perplexity, used
from scanvq.training.adjustment import WithRestarts, lower_decay, raise_commitment
from scanvq.training.engine import Engine
from scanvq.training.level_collapse import LevelCollapseMonitor
from scanvq.types import Losses, Tokenizer

MIN_USED_SHARE = 0.8  # of a codebook; underused below
MIN_CELLS_PER_CODE = 10  # too few cells below to measure codebook use
RARE_SHARE = 0.05  # of a uniform share of the features: a code chosen less often restarts
RECOVERY_SHARE = 0.05  # of a codebook that came into use since the last validation


@dataclass(frozen=True)
class _Saved:
    """The state that resumed training needs: of each level, then of the hierarchy."""

    chosen: list[InstanceOf[Tensor]]
    underused: list[float | None]
    settings: list[dict[Literal["decay", "commitment"], float]]
    hierarchy: dict[str, Any]


class CodebookMonitor:
    """Checks codebook use after each validation, and adjusts a tokenizer whose codebooks are underused.

    A codebook is underused with less than 80 % of it in use: over the validation split, or, if that has
    fewer than 10 cells per code, over the training features since the last validation. Adjustments, the
    mildest first:

    1. Codes with less than a twentieth of a uniform share of the training features since the last validation
       restart from features (Jukebox, arXiv 2005.00341, section 3.1; SoundStream, arXiv 2107.03312, section
       III-C). Codes in use are left as they are. Done after every validation of an underused codebook.
    2. Still underused after the next validation, and more than a fifth of the codes dead in training too: the
       decay is lowered, so that codes keep up with a fast encoder; codebooks that lag behind it are known to
       collapse (arXiv 2005.08520, arXiv 2305.08842).
    3. With the least decay, or without one, and no better than after the last validation: the commitment is
       raised, so that the encoder stays near its codes (arXiv 1711.00937, equation 3).

    Changed settings stay when the codebook has recovered. After the last validation nothing is adjusted,
    since no step follows. `LevelCollapseMonitor` looks for levels of a hierarchy that carry no information.

    Args:
        tokenizer: in training.
        cells: codes of each level in the whole validation split.
        images: returns a few images of the validation split, (B, 1, H, W).
        adjusts: False to report underused codebooks and change nothing.
        engine: the processes that train together; all of them call each method at the same step.
        info: shows a message to the user.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        cells: tuple[int, ...],
        images: Callable[[], Tensor],
        adjusts: bool,
        engine: Engine,
        info: Callable[[str], None],
    ) -> None:
        self._quantizers, self._cells = tokenizer.levels, cells
        self._adjusts, self._engine, self._info = adjusts, engine, info
        self._hierarchy = LevelCollapseMonitor(tokenizer, images=images, engine=engine, info=info)
        sizes = tokenizer.codebook_sizes
        self._recent: tuple[Tensor, ...] = ()  # counts of each code on this process since the last sum
        # Counts on all processes, without the recent.
        self._chosen = [torch.zeros(size, dtype=torch.int64) for size in sizes]
        # Codes in use at the last validation, if underused.
        self._underused: list[float | None] = [None for _ in sizes]
        self._settings: list[dict[str, float]] = [{} for _ in sizes]  # changed settings of each quantizer

    def after_step(self, losses: Losses) -> None:
        """Counts the codes of a training step; nothing leaves the device."""
        self._recent = tuple(map(torch.add, self._recent, losses.counts)) if self._recent else losses.counts

    def after_validation(self, values: Mapping[str, float], *, final: bool) -> dict[str, float]:
        """Adjusts after a validation.

        Args:
            values: with `codes_used` and `perplexity`; with several levels `codes_used_0` and so on.
            final: whether no training step follows.

        Returns:
            Values for the history: `codes_dead` (codes never chosen) of each level with enough training
            features since the last validation; `codes_restarted` of each adjusted level, and its new `decay`
            or `commitment_weight` if changed; the values of `LevelCollapseMonitor`.
        """
        self._gather()
        reason_to_skip = "" if self._adjusts else "nothing is changed (codebook_monitor = warn)"
        if final:
            reason_to_skip = "training is over"
        found: dict[str, float] = {}
        for level in range(len(self._chosen)):
            found |= self._examine(level, values, reason_to_skip)
        return found | self._hierarchy.after_validation(reason_to_skip)

    def state_dict(self) -> dict[str, Any]:
        """The state that resumed training needs; called by all processes at the same step."""
        self._gather()
        return {
            "chosen": list(self._chosen),
            "underused": list(self._underused),
            "settings": [dict(settings) for settings in self._settings],
            "hierarchy": self._hierarchy.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Loads a state, and applies its changed settings to the tokenizer.

        Raises:
            ValueError: a state of other fields, types or codebooks.
        """
        saved = TypeAdapter(_Saved).validate_python(state)
        shapes = [counts.shape for counts in saved.chosen]
        if shapes != [counts.shape for counts in self._chosen] or len(saved.underused) != len(shapes):
            raise ValueError("chosen or underused is of other codebooks")
        self._recent, self._chosen, self._underused = (), saved.chosen, saved.underused
        self._settings = [dict(settings.items()) for settings in saved.settings]
        for quantizer, settings in zip(self._quantizers, self._settings, strict=True):
            for name, value in settings.items():
                setattr(quantizer, name, value)
        self._hierarchy.load_state_dict(saved.hierarchy)

    def _gather(self) -> None:
        """Adds the recent counts of all processes."""
        if self._recent:
            sizes = [len(counts) for counts in self._chosen]
            sums = self._engine.sum(torch.cat(self._recent)).cpu().split(sizes)
            self._chosen = [before + new for before, new in zip(self._chosen, sums, strict=True)]
            self._recent = ()

    def _examine(self, level: int, values: Mapping[str, float], reason_to_skip: str) -> dict[str, float]:
        """Checks the use of a level's codebook, and adjusts it unless `reason_to_skip` is given."""
        chosen, suffix = self._chosen[level], self._suffix(level)
        size = len(chosen)
        enough = MIN_CELLS_PER_CODE * size
        if int(chosen.sum()) < enough:
            return {}  # too few to judge: keeps counting
        self._chosen[level] = torch.zeros_like(chosen)
        found = {f"codes_dead{suffix}": float(size - used(chosen))}
        in_use, level_perplexity, split = float(used(chosen)), perplexity(chosen), "training"
        if self._cells[level] >= enough:
            in_use, level_perplexity = values[f"codes_used{suffix}"], values[f"perplexity{suffix}"]
            split = "validation"
        before, self._underused[level] = self._underused[level], None
        if in_use >= MIN_USED_SHARE * size:
            return found
        done: dict[str, float] = {}
        message = reason_to_skip
        if not reason_to_skip:
            self._underused[level] = in_use
            recovering = before is not None and in_use >= before + RECOVERY_SHARE * size
            done, message = self._adjust(level, chosen, again=before is not None, recovering=recovering)
        name = f"codebook{suffix.replace('_', ' ')}"
        self._info(
            f"{name}: {in_use:.0f} of {size} codes in use in {split}, "
            f"perplexity {level_perplexity:.0f}; {message}"
        )
        return found | done

    def _adjust(
        self, level: int, chosen: Tensor, *, again: bool, recovering: bool
    ) -> tuple[dict[str, float], str]:
        """Restarts the rare codes of an underused level, and changes a setting if that was not enough before.

        Returns:
            Values for the history, and the message to the user.
        """
        quantizer, suffix = self._quantizers[level], self._suffix(level)
        rare = chosen < RARE_SHARE * chosen.sum() / len(chosen)
        restarted = 0
        if isinstance(quantizer, WithRestarts):
            restarted = quantizer.restart(rare.to(self._engine.device))
        found = {f"codes_restarted{suffix}": float(restarted)}
        message = f"{restarted} restart from features" if restarted else _no_restart(rare)
        if not again or int(rare.sum()) <= (1 - MIN_USED_SHARE) * len(chosen):
            return found, message
        change = lower_decay(quantizer)
        if change is None and recovering:
            return found, f"{message}; use is recovering"
        change = change or raise_commitment(quantizer)
        if change is None:
            return found, f"{message}; no setting is left to change"
        self._settings[level][change.name] = change.new
        name = "commitment_weight" if change.name == "commitment" else change.name
        return found | {f"{name}{suffix}": change.new}, f"{message}; {change}"

    def _suffix(self, level: int) -> str:
        return f"_{level}" if len(self._chosen) > 1 else ""


def _no_restart(rare: Tensor) -> str:
    return "this quantizer cannot restart codes" if rare.any() else "all of them have features in training"
