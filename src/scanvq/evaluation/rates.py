"""The rate of a run as three numbers: raw, of independent codes, and under the prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.evaluation.intervals import Values, means

RATES = {
    "raw": "raw",
    "entropy": "entropy of independent codes",
    "prior": "under the prior",
}
"""The rates of metrics.json, with their names for readers, from the highest to the lowest of a good model."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rates:
    """Bits per pixel of the network's image.

    Attributes:
        raw: of every image: each code at log2 K bits.
        measured: (n,) by name of RATES.
        refused: by name of RATES, why there are no values: name of the error and a sentence.
    """

    raw: float
    measured: Mapping[str, Values]
    refused: Mapping[str, str]

    def summary(self, subjects: NDArray[np.integer]) -> dict[str, dict[str, Any]]:
        """`rate` of metrics.json: {"raw" | "entropy" | "prior": {"value", "low", "high"}}.

        A rate that is refused has the value None and says why under "refused".

        Args:
            subjects: (n,), whose image it is.
        """
        none = {"value": None, "low": None, "high": None}
        found = {
            "raw": {"value": self.raw, "low": self.raw, "high": self.raw},
            **means(self.measured, subjects),
            **{name: {**none, "refused": reason} for name, reason in self.refused.items()},
        }
        return {name: found[name] for name in RATES}

    def of(self, indices: NDArray[np.integer]) -> Rates:
        """The rates of some of the images."""
        measured = {name: values[indices] for name, values in self.measured.items()}
        return Rates(raw=self.raw, measured=measured, refused=self.refused)
