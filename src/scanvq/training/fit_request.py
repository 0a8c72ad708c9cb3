"""The arguments of `fit`."""

from __future__ import annotations

from dataclasses import dataclass

from scanvq.training.training_limit import LONGEST


@dataclass(frozen=True, kw_only=True)
class FitRequest:
    """The arguments of `fit`; kept in run.json for `--resume`.

    Attributes:
        folder: the scans.
        budget: seconds of training, shared by tokenizer and prior; None = train by epochs.
        epochs: of both stages; None = those of the recipe.
        seed: of splits, weights, batches and augmentation.
        skip_bad: leave unusable files out instead of stopping.
        allow_leak: train on splits that share subjects or scans.
        tokenizer: the run whose tokenizer is reused; only the prior is trained.
        initial_model: the run, model file or shipped model whose weights training begins with.
    """

    folder: str
    tokenizer: str | None = None
    initial_model: str | None = None
    budget: float | None = None
    epochs: int | None = None
    seed: int = 0
    skip_bad: bool = False
    allow_leak: bool = False

    def __post_init__(self) -> None:
        if self.budget is not None and self.epochs is not None:
            raise ValueError("give either a budget or a number of epochs, not both")
        if self.budget is not None and not 0 < self.budget <= LONGEST:
            raise ValueError(
                f"the budget is {self.budget:g} seconds; it must be above 0, and at most ten years"
            )
        if self.epochs is not None and self.epochs < 1:
            raise ValueError(f"epochs is {self.epochs}; it must be 1 or more")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed is {self.seed}; it must be 0 to {2**32 - 1}")
        if self.tokenizer is not None and self.initial_model is not None:
            raise ValueError("give either --tokenizer or --from, not both")
