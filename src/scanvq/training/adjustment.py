"""Adjustments of an underused codebook or a collapsed level during training, the mildest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from scanvq.types import Quantizer, Tokenizer

MIN_DECAY = 0.9  # below, a code is close to the mean of one batch
MAX_COMMITMENT = 2.0  # the VQ-VAE paper found similar results from .1 to 2 (arXiv 1711.00937, section 3.2)
MAX_TOP_WEIGHT = 1.0  # as much as a reconstruction loss of weight 1
_DIGITS = 6  # rounds 1 - 2 * (1 - .99) to .98


@runtime_checkable
class WithCommitment(Protocol):
    """A quantizer with a commitment loss of this weight; 0 = turned off."""

    commitment: float


@runtime_checkable
class WithDecay(Protocol):
    """A quantizer that learns its codebook by a moving average with this decay."""

    decay: float


@runtime_checkable
class WithRestarts(Protocol):
    """A quantizer that can restart codes."""

    def restart(self, codes: Tensor) -> int:
        """Restarts codes from features of the next training batch.

        Args:
            codes: true for each code to restart, (K,) bool.

        Returns:
            How many codes restart; 0 if none can.
        """


@runtime_checkable
class WithTopWeight(Protocol):
    """A tokenizer with a loss of this weight on what the coarsest level decodes to; 0 = turned off."""

    top_weight: float


@dataclass(frozen=True, kw_only=True)
class SettingChange:
    """A changed setting: its name, the value before and the value after."""

    name: str
    old: float
    new: float

    def __str__(self) -> str:
        return f"{self.name} {self.old:g} -> {self.new:g}"


def lower_decay(quantizer: Quantizer) -> SettingChange | None:
    """Lowers the decay, so that codes follow their features faster: 1 - decay doubles, down to a decay of .9.

    Returns:
        The change; None at the limit.
    """
    if not isinstance(quantizer, WithDecay) or quantizer.decay <= MIN_DECAY:
        return None
    decay = quantizer.decay
    quantizer.decay = max(MIN_DECAY, round(1 - 2 * (1 - decay), _DIGITS))
    return SettingChange(name="decay", old=decay, new=quantizer.decay)


def raise_commitment(quantizer: Quantizer) -> SettingChange | None:
    """Doubles the commitment, up to 2: features stay nearer their codes, at the cost of reconstruction.

    Returns:
        The change; None at the maximum. A weight of 0 was turned off, and stays.
    """
    if not isinstance(quantizer, WithCommitment) or not 0 < quantizer.commitment < MAX_COMMITMENT:
        return None
    commitment = quantizer.commitment
    quantizer.commitment = min(MAX_COMMITMENT, 2 * commitment)
    return SettingChange(name="commitment", old=commitment, new=quantizer.commitment)


def raise_top_weight(tokenizer: Tokenizer) -> SettingChange | None:
    """Doubles the weight of the loss of the coarsest level, up to 1; a weight of 0 was turned off, and stays.

    Returns:
        The change; None at the limit.
    """
    if not isinstance(tokenizer, WithTopWeight) or not 0 < tokenizer.top_weight < MAX_TOP_WEIGHT:
        return None
    weight = tokenizer.top_weight
    tokenizer.top_weight = min(MAX_TOP_WEIGHT, 2 * weight)
    return SettingChange(name="top_weight", old=weight, new=tokenizer.top_weight)
