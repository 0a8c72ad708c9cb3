"""Normalization layers by name."""

from __future__ import annotations

import math
from typing import Literal

from torch import nn

from scanvq.nn.batch_norm import BatchNorm

Normalization = Literal["none", "batch", "group"]


def make_norm(kind: Normalization, channels: int) -> nn.Module:
    """A normalization layer for `channels` channels; "group" has up to 8 groups."""
    if kind == "batch":
        return BatchNorm(channels)
    if kind == "group":
        return nn.GroupNorm(math.gcd(8, channels), channels)
    return nn.Identity()
