"""What may be changed for a sick level of codes while it trains, the mildest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from scanvq.types import Quantizer, Tokenizer

LEAST_DECAY = 0.9  # below, a code is little more than the mean of one batch
MOST_COMMITMENT = 2.0  # the VQ-VAE paper found results alike from .1 to 2 (arXiv 1711.00937, section 3.2)
MOST_TOP_WEIGHT = 1.0  # as much as a reconstruction loss of weight 1
_DIGITS = 6  # 1 - 2 * (1 - .99) is to be .98


@runtime_checkable
class WithCommitment(Protocol):
    """A quantizer whose loss keeps features near their codes by this weight; 0 = turned off."""

    commitment: float


@runtime_checkable
class WithDecay(Protocol):
    """A quantizer that keeps running sums, this share of them at each step."""

    decay: float


@runtime_checkable
class WithRestarts(Protocol):
    """A quantizer that can have codes start anew."""

    def restart(self, codes: Tensor) -> int:
        """Has codes start anew from features of the next training batch.

        Args:
            codes: which ones, (K,) bool.

        Returns:
            How many; 0 where none can.
        """


@runtime_checkable
class WithTopWeight(Protocol):
    """A tokenizer with a loss, of this weight, of what the coarsest level gives alone; 0 = turned off."""

    top_weight: float


@dataclass(frozen=True, kw_only=True)
class Change:
    """A setting that was changed."""

    name: str
    old: float
    new: float

    def __str__(self) -> str:
        return f"{self.name} {self.old:g} -> {self.new:g}"


def lower_decay(quantizer: Quantizer) -> Change | None:
    """Has codes follow their features faster: 1 - decay doubles, down to a decay of .9. The loss stays.

    Returns:
        What was changed; None where nothing is left.
    """
    if not isinstance(quantizer, WithDecay) or quantizer.decay <= LEAST_DECAY:
        return None
    decay = quantizer.decay
    quantizer.decay = max(LEAST_DECAY, round(1 - 2 * (1 - decay), _DIGITS))
    return Change(name="decay", old=decay, new=quantizer.decay)


def raise_commitment(quantizer: Quantizer) -> Change | None:
    """Has features stay nearer their codes, at the cost of reconstruction: the weight doubles, up to 2.

    Returns:
        What was changed; None where nothing is left. A weight of 0 was turned off, and stays.
    """
    if not isinstance(quantizer, WithCommitment) or not 0 < quantizer.commitment < MOST_COMMITMENT:
        return None
    commitment = quantizer.commitment
    quantizer.commitment = min(MOST_COMMITMENT, 2 * commitment)
    return Change(name="commitment", old=commitment, new=quantizer.commitment)


def raise_top_weight(tokenizer: Tokenizer) -> Change | None:
    """Doubles the weight of what the coarsest level gives alone, up to 1; a weight of 0 was turned off.

    Returns:
        What was changed; None where nothing is left.
    """
    if not isinstance(tokenizer, WithTopWeight) or not 0 < tokenizer.top_weight < MOST_TOP_WEIGHT:
        return None
    weight = tokenizer.top_weight
    tokenizer.top_weight = min(MOST_TOP_WEIGHT, 2 * weight)
    return Change(name="top_weight", old=weight, new=tokenizer.top_weight)
