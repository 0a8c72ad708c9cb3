"""How `fit` was called."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FitRequest:
    """How `fit` was called; kept in run.json, so that `--resume` needs no second telling.

    Attributes:
        folder: the scans.
        budget: seconds of training, shared by tokenizer and prior; None for epochs.
        epochs: of both stages, in place of the recipe's.
        seed: of splits, weights, order and augmentation.
        skip_bad: leave unusable files out rather than stop.
        allow_leak: train on splits that share subjects or scans.
        tokenizer: the run whose tokenizer is taken as it is, only the prior being trained.
        start: the run whose weights training begins from.
    """

    folder: str
    tokenizer: str | None = None
    start: str | None = None
    budget: float | None = None
    epochs: int | None = None
    seed: int = 0
    skip_bad: bool = False
    allow_leak: bool = False

    def __post_init__(self) -> None:
        if self.budget is not None and self.epochs is not None:
            raise ValueError("give either a budget or a number of epochs, not both")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be 0 or more")
        if self.tokenizer is not None and self.start is not None:
            raise ValueError("give either a run to take the tokenizer of, or one to start from, not both")
