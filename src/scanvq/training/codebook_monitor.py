"""Monitors codebook use while a tokenizer trains: finds underused codebooks, adjusts, and reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from scanvq.metrics.code_usage import perplexity, used
from scanvq.training.adjustment import WithRestarts, lower_decay, raise_commitment
from scanvq.training.engine import Engine
from scanvq.training.level_collapse import LevelCollapseMonitor
from scanvq.types import Losses, Tokenizer

WELL_USED = 0.8  # of a codebook that is in use
CELLS_A_CODE = 10  # fewer cells than this for each code tell nothing about its use
SELDOM = 0.05  # of a uniform share of the features: a code chosen less often counts as dead
RECOVERING = 0.05  # of a codebook that came into use since the last validation


class CodebookMonitor:
    """Checks codebook use after each validation, and adjusts a tokenizer whose codebooks are underused.

    A codebook is underused with less than 80 % of it in use: over the validation split, or, where that has
    fewer than 10 cells a code, over the training features since the last validation. Adjustments, the mildest
    first:

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
        images: gives a few of the validation split, (B, 1, H, W).
        adjusts: False to report what is underused and change nothing.
        engine: the processes that train together; all of them call at once.
        info: shows a line to the user.
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
        self._recent: tuple[Tensor, ...] = ()  # choices of each code by this process, on its device
        self._chosen = [torch.zeros(size, dtype=torch.int64) for size in sizes]  # by all, what is not recent
        self._underused: list[float | None] = [
            None for _ in sizes
        ]  # codes in use at the last validation, where underused
        self._settings: list[dict[str, float]] = [{} for _ in sizes]  # of each quantizer, where changed

    def after_step(self, losses: Losses) -> None:
        """Counts the codes of a training step; nothing leaves the device."""
        self._recent = tuple(map(torch.add, self._recent, losses.counts)) if self._recent else losses.counts

    def after_validation(self, values: Mapping[str, float], *, over: bool) -> dict[str, float]:
        """Adjusts after a validation.

        Args:
            values: with `codes_used` and `perplexity`, a level's number behind them where there are several.
            over: no training step follows.

        Returns:
            What belongs into the history. Of each level with enough training features since the last
            validation `codes_dead`, those that none chose; of each that was adjusted `codes_restarted`,
            and `decay` or `commitment_weight` where changed; what `LevelCollapseMonitor` found.
        """
        self._gather()
        reason_to_skip = (
            "training is over"
            if over
            else ""
            if self._adjusts
            else "nothing is changed (codebook_monitor = warn)"
        )
        found: dict[str, float] = {}
        for level in range(len(self._chosen)):
            found |= self._examine(level, values, reason_to_skip)
        return found | self._hierarchy.after_validation(reason_to_skip)

    def state_dict(self) -> dict[str, Any]:
        """What must be kept so that training goes on alike; called by all processes at once."""
        self._gather()
        return {
            "chosen": list(self._chosen),
            "underused": list(self._underused),
            "settings": [dict(one) for one in self._settings],
            "hierarchy": self._hierarchy.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what was kept, and sets what was changed in the tokenizer."""
        self._recent, self._chosen, self._underused = (), list(state["chosen"]), list(state["underused"])
        self._settings = [dict(one) for one in state["settings"]]
        for quantizer, settings in zip(self._quantizers, self._settings, strict=True):
            for name, value in settings.items():
                setattr(quantizer, name, value)
        self._hierarchy.load_state_dict(state["hierarchy"])

    def _gather(self) -> None:
        """Brings the recent choices of all processes together."""
        if self._recent:
            sums = self._engine.sum(torch.cat(self._recent)).cpu().split([len(one) for one in self._chosen])
            self._chosen = [before + new for before, new in zip(self._chosen, sums, strict=True)]
            self._recent = ()

    def _examine(self, level: int, values: Mapping[str, float], reason_to_skip: str) -> dict[str, float]:
        """Looks at the use of a level's codebook; adjusts it unless `reason_to_skip` is given."""
        chosen, suffix = self._chosen[level], self._suffix(level)
        size = len(chosen)
        enough = CELLS_A_CODE * size
        if int(chosen.sum()) < enough:
            return {}  # goes on counting
        self._chosen[level] = torch.zeros_like(chosen)
        found = {f"codes_dead{suffix}": float(size - used(chosen))}
        in_use, work, where = float(used(chosen)), perplexity(chosen), "training"
        if self._cells[level] >= enough:
            in_use, work, where = values[f"codes_used{suffix}"], values[f"perplexity{suffix}"], "validation"
        before, self._underused[level] = self._underused[level], None
        if in_use >= WELL_USED * size:
            return found
        done: dict[str, float] = {}
        reported = reason_to_skip
        if not reason_to_skip:
            self._underused[level] = in_use
            recovering = before is not None and in_use >= before + RECOVERING * size
            done, reported = self._adjust(level, chosen, again=before is not None, recovering=recovering)
        name = f"codebook{suffix.replace('_', ' ')}"
        self._info(
            f"{name}: {in_use:.0f} of {size} codes in use in {where}, perplexity {work:.0f}; {reported}"
        )
        return found | done

    def _adjust(
        self, level: int, chosen: Tensor, *, again: bool, recovering: bool
    ) -> tuple[dict[str, float], str]:
        """Restarts the seldom codes of an underused level, and changes a setting where that was not enough.

        Returns:
            What belongs into the history, and the same in words.
        """
        quantizer, suffix = self._quantizers[level], self._suffix(level)
        seldom = chosen < SELDOM * chosen.sum() / len(chosen)
        restarted = 0
        if isinstance(quantizer, WithRestarts):
            restarted = quantizer.restart(seldom.to(self._engine.device))
        found = {f"codes_restarted{suffix}": float(restarted)}
        reported = f"{restarted} restart from features" if restarted else _no_restart(seldom)
        if not again or int(seldom.sum()) <= (1 - WELL_USED) * len(chosen):
            return found, reported
        change = lower_decay(quantizer)
        if change is None and recovering:
            return found, f"{reported}; use is recovering"
        change = change or raise_commitment(quantizer)
        if change is None:
            return found, f"{reported}; no setting is left to change"
        self._settings[level][change.name] = change.new
        name = "commitment_weight" if change.name == "commitment" else change.name
        return found | {f"{name}{suffix}": change.new}, f"{reported}; {change}"

    def _suffix(self, level: int) -> str:
        return f"_{level}" if len(self._chosen) > 1 else ""


def _no_restart(seldom: Tensor) -> str:
    return "this quantizer cannot restart codes" if seldom.any() else "all of them have features in training"
