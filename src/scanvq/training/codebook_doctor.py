"""Looks after the codebooks while a tokenizer trains: finds codes that do nothing, acts, and says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from scanvq.metrics.code_usage import perplexity, used
from scanvq.training.engine import Engine
from scanvq.training.silent_levels import SilentLevels
from scanvq.training.treatment import lower_decay, raise_commitment
from scanvq.types import Losses, Tokenizer

HEALTHY = 0.8  # of a codebook that is in use
CELLS_A_CODE = 10  # fewer cells than this for each code tell nothing about its use
SELDOM = 0.05  # of a fair share of the features: chosen less, a code does nothing
MENDING = 0.05  # of a codebook that came into use since the last visit


class CodebookDoctor:
    """Examines a tokenizer after each validation, and treats what is ill.

    A codebook is ill with less than 80 % of it in use: over the validation split, or, where that has fewer
    than 10 cells a code, over the training features since the last visit. Treatment, the mildest first:

    1. Codes with less than a twentieth of a fair share of the training features since the last visit restart
       from features (Jukebox, arXiv 2005.00341, section 3.1; SoundStream, arXiv 2107.03312, section III-C).
       It touches nothing that is in use, and is done at every visit of an ill codebook.
    2. Still ill at the next visit, and in training too more than a fifth of the codes do nothing: the decay
       falls, so that codes keep up with a fast encoder; codebooks that lag behind it are known to collapse
       (arXiv 2005.08520, arXiv 2305.08842).
    3. With the least decay, or without one, and no better than at the last visit: the commitment rises, so
       that the encoder stays near its codes (arXiv 1711.00937, equation 3).

    Changed settings stay when the codebook has recovered. At the last visit nothing is treated, since no step
    follows. Levels of a hierarchy that say nothing are looked for by `SilentLevels`.

    Args:
        tokenizer: in training.
        cells: codes of each level in the whole validation split.
        images: gives a few of the validation split, (B, 1, H, W).
        acts: False to say what is ill and leave it alone.
        engine: the processes that train together; all of them visit at once.
        say: tells the user.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        cells: tuple[int, ...],
        images: Callable[[], Tensor],
        acts: bool,
        engine: Engine,
        say: Callable[[str], None],
    ) -> None:
        self._quantizers, self._cells = tokenizer.quantizers_by_level, cells
        self._acts, self._engine, self._say = acts, engine, say
        self._hierarchy = SilentLevels(tokenizer, images=images, engine=engine, say=say)
        sizes = tokenizer.codebook_sizes
        self._recent: tuple[Tensor, ...] = ()  # choices of each code by this process, on its device
        self._chosen = [torch.zeros(size, dtype=torch.int64) for size in sizes]  # by all, what is not recent
        self._ill: list[float | None] = [None for _ in sizes]  # codes in use at the last visit, where ill
        self._settings: list[dict[str, float]] = [{} for _ in sizes]  # of each quantizer, where changed

    def see(self, losses: Losses) -> None:
        """Counts the codes of a training step; nothing leaves the device."""
        self._recent = tuple(map(torch.add, self._recent, losses.counts)) if self._recent else losses.counts

    def visit(self, values: Mapping[str, float], *, over: bool) -> dict[str, float]:
        """Acts on the values of a validation.

        Args:
            values: with `codes_used` and `perplexity`, a level's number behind them where there are several.
            over: no training step follows.

        Returns:
            What belongs into the history. Of each level with enough training features since the last visit
            `codes_dead`, those that none chose; of each that was treated `codes_restarted`, and `decay` or
            `commitment_weight` where changed; what `SilentLevels` found.
        """
        self._gather()
        alone = "training is over" if over else "" if self._acts else "left alone, as codebook_doctor asks"
        found: dict[str, float] = {}
        for level in range(len(self._chosen)):
            found |= self._examine(level, values, alone)
        return found | self._hierarchy.visit(alone)

    def state_dict(self) -> dict[str, Any]:
        """What must be kept so that training goes on alike; called by all processes at once."""
        self._gather()
        return {
            "chosen": list(self._chosen),
            "ill": list(self._ill),
            "settings": [dict(one) for one in self._settings],
            "hierarchy": self._hierarchy.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what was kept, and sets what was changed in the tokenizer."""
        self._recent, self._chosen, self._ill = (), list(state["chosen"]), list(state["ill"])
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

    def _examine(self, level: int, values: Mapping[str, float], alone: str) -> dict[str, float]:
        """Looks at the use of a level's codebook; treats it unless told why to leave it alone."""
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
        before, self._ill[level] = self._ill[level], None
        if in_use >= HEALTHY * size:
            return found
        done: dict[str, float] = {}
        told = alone
        if not alone:
            self._ill[level] = in_use
            mending = before is not None and in_use >= before + MENDING * size
            done, told = self._treat(level, chosen, again=before is not None, mending=mending)
        name = f"codebook{suffix.replace('_', ' ')}"
        self._say(f"{name}: {in_use:.0f} of {size} codes in use in {where}, perplexity {work:.0f}; {told}")
        return found | done

    def _treat(
        self, level: int, chosen: Tensor, *, again: bool, mending: bool
    ) -> tuple[dict[str, float], str]:
        """Restarts the seldom codes of an ill level, and changes a setting where that was not enough.

        Returns:
            What belongs into the history, and the same in words.
        """
        quantizer, suffix = self._quantizers[level], self._suffix(level)
        seldom = chosen < SELDOM * chosen.sum() / len(chosen)
        restarted = quantizer.restart(seldom.to(self._engine.device))
        found = {f"codes_restarted{suffix}": float(restarted)}
        told = f"{restarted} restart from features" if restarted else _no_restart(seldom)
        if not again or int(seldom.sum()) <= (1 - HEALTHY) * len(chosen):
            return found, told
        change = lower_decay(quantizer)
        if change is None and mending:
            return found, f"{told}; it is mending"
        change = change or raise_commitment(quantizer)
        if change is None:
            return found, f"{told}; no setting is left to change"
        self._settings[level][change.name] = change.new
        name = "commitment_weight" if change.name == "commitment" else change.name
        return found | {f"{name}{suffix}": change.new}, f"{told}; {change}"

    def _suffix(self, level: int) -> str:
        return f"_{level}" if len(self._chosen) > 1 else ""


def _no_restart(seldom: Tensor) -> str:
    return "this quantizer cannot restart codes" if seldom.any() else "all of them have features in training"
