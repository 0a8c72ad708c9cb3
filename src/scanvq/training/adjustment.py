"""What may be changed for a sick level of codes while it trains, the mildest first."""

from __future__ import annotations

from dataclasses import dataclass

from scanvq.types import Quantizer, Tokenizer

LEAST_DECAY = 0.9  # below, a code is little more than the mean of one batch
MOST_COMMITMENT = 2.0  # the VQ-VAE paper found results alike from .1 to 2 (arXiv 1711.00937, section 3.2)
MOST_TOP_WEIGHT = 1.0  # as much as a reconstruction loss of weight 1
_DIGITS = 6  # 1 - 2 * (1 - .99) is to be .98


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
    decay = quantizer.decay
    if decay is None or decay <= LEAST_DECAY:
        return None
    quantizer.decay = max(LEAST_DECAY, round(1 - 2 * (1 - decay), _DIGITS))
    return Change(name="decay", old=decay, new=quantizer.decay)


def raise_commitment(quantizer: Quantizer) -> Change | None:
    """Has features stay nearer their codes, at the cost of reconstruction: the weight doubles, up to 2.

    Returns:
        What was changed; None where nothing is left. A weight of 0 was turned off, and stays.
    """
    commitment = quantizer.commitment
    if not commitment or commitment >= MOST_COMMITMENT:
        return None
    quantizer.commitment = min(MOST_COMMITMENT, 2 * commitment)
    return Change(name="commitment", old=commitment, new=quantizer.commitment)


def raise_top_weight(tokenizer: Tokenizer) -> Change | None:
    """Doubles the weight of what the coarsest level gives alone, up to 1; a weight of 0 was turned off.

    Returns:
        What was changed; None where nothing is left.
    """
    weight = tokenizer.top_weight
    if not weight or weight >= MOST_TOP_WEIGHT:
        return None
    tokenizer.top_weight = min(MOST_TOP_WEIGHT, 2 * weight)
    return Change(name="top_weight", old=weight, new=tokenizer.top_weight)
