"""One setting of a plan and its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Basis = Literal["fixed", "rule", "measured", "given"]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One setting of a plan.

    Attributes:
        key: the recipe key, such as "training.tokenizer.batch_size".
        value: a plain TOML value.
        basis: "fixed" for every data set, by a "rule" from the data set and the request, "measured" here, or
            "given" by the user.
        reason: one short sentence.
    """

    key: str
    value: Any
    basis: Basis
    reason: str


def table_of(choices: Sequence[Choice]) -> dict[str, Any]:
    """The nested recipe tables of the choices."""
    table: dict[str, Any] = {}
    for choice in choices:
        *path, last = choice.key.split(".")
        inner = table
        for name in path:
            inner = inner.setdefault(name, {})
        inner[last] = choice.value
    return table
