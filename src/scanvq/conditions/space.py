"""The conditions that a run knows: their names, in order, and the values that each can take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from scanvq.conditions.condition import Condition


ROUNDING = 1e-6
"""How far a number may differ from one that was kept as float32, as a share of it."""


@dataclass(frozen=True, kw_only=True)
class CategoryCondition:
    """One of a few values, such as a label, a sex or a scanner.

    Attributes:
        name: as in tables and on the command line.
        values: a value's number is its place here.
    """

    name: str
    values: tuple[str, ...]

    @property
    def absent(self) -> int:
        """The number that says that the value is not known."""
        return len(self.values)

    def number_of(self, text: str) -> int:
        """The number of a value. Raises ValueError for one that the run does not know."""
        if text not in self.values:
            raise ValueError(f"{self.name} is {text!r}; this run knows {', '.join(self.values)}")
        return self.values.index(text)

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(self.values)})"


@dataclass(frozen=True, kw_only=True)
class NumberCondition:
    """A number, such as an age in years or the position of a slice in its volume.

    Attributes:
        name: as in tables and on the command line.
        low: the smallest value of the training set.
        high: the largest.
        mean: of the training set's slices.
        std: of the training set's slices, above 0.
    """

    name: str
    low: float
    high: float
    mean: float
    std: float

    def value_of(self, text: str) -> float:
        """A value. Raises ValueError for what is no number, or outside of the training set's range."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        slack = ROUNDING * max(abs(self.low), abs(self.high))
        if not self.low - slack <= value <= self.high + slack:
            raise ValueError(f"{self.name} is {text!r}; this run knows {self.low:g} to {self.high:g}")
        return value

    def __str__(self) -> str:
        return f"{self.name} ({self.low:g} to {self.high:g})"


@dataclass(frozen=True)
class ConditionSpace:
    """All conditions of a run, in the order that the recipe names them.

    Raises:
        ValueError: a name that stands there twice.
    """

    conditions: tuple[CategoryCondition | NumberCondition, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"conditions are named twice: {', '.join(self.names)}")

    @classmethod
    def of_labels(cls, labels: Sequence[str]) -> ConditionSpace:
        """The one condition of a run that knows labels alone; none where there are no labels."""
        return cls((CategoryCondition(name="label", values=tuple(labels)),)) if labels else cls()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.conditions)

    @property
    def categories(self) -> tuple[CategoryCondition, ...]:
        return tuple(one for one in self.conditions if isinstance(one, CategoryCondition))

    @property
    def numbers(self) -> tuple[NumberCondition, ...]:
        return tuple(one for one in self.conditions if isinstance(one, NumberCondition))

    @property
    def labels(self) -> tuple[str, ...]:
        """The values of the category `label`; () where labels are not used."""
        return next((one.values for one in self.categories if one.name == "label"), ())

    def __str__(self) -> str:
        """What can be asked for, for messages."""
        return ", ".join(map(str, self.conditions)) or "no conditions"

    def values(self, wishes: Mapping[str, str | float]) -> dict[str, int | float]:
        """Wishes as a `Condition` has them: the number of a category's value, a number as it is.

        Args:
            wishes: by name, such as {"age": 70, "label": "AD"}; numbers may be text, too.

        Raises:
            ValueError: a condition or a value that the run does not know; it says what is known.
        """
        known = {one.name: one for one in self.conditions}
        values: dict[str, int | float] = {}
        for name, wish in wishes.items():
            one = known.get(name)
            if one is None:
                raise ValueError(f"{name} is no condition of this run, which knows {self}")
            text = str(wish)
            values[name] = one.number_of(text) if isinstance(one, CategoryCondition) else one.value_of(text)
        return values

    def parse(
        self, wishes: Mapping[str, str | float], count: int, device: torch.device | str = "cpu"
    ) -> Condition:
        """The same wishes for each of `count` samples; what is not wished for is absent.

        Args:
            wishes: as of `values`.
            count: B.
            device: of the tensors.

        Raises:
            ValueError: a condition or a value that the run does not know; it says what is known.
        """
        import torch

        from scanvq.conditions.condition import Condition

        categories: dict[str, Tensor] = {}
        numbers: dict[str, Tensor] = {}
        for name, value in self.values(wishes).items():
            if isinstance(value, int):
                categories[name] = torch.full((count,), value, device=device)
            else:
                numbers[name] = torch.full((count,), value, dtype=torch.float32, device=device)
        return Condition(categories=categories, numbers=numbers)

    def check(self, condition: Condition | None) -> None:
        """Raises ValueError for names and category numbers that the run does not know."""
        if condition is None:
            return
        sizes = {one.name: one.absent for one in self.categories}
        unknown = (condition.categories.keys() - sizes.keys()) | (
            condition.numbers.keys() - {one.name for one in self.numbers}
        )
        if unknown:
            raise ValueError(
                f"{', '.join(sorted(unknown))}: no such condition was trained with; known are {self}"
            )
        for name, value in condition.categories.items():
            if not bool(((value >= 0) & (value <= sizes[name])).all()):
                raise ValueError(f"{name} is {value.tolist()}; known are 0 to {sizes[name]} (= absent)")

    def to_dict(self) -> dict[str, Any]:
        """JSON values: by name, the values of a category, or what is known of a number."""
        return {
            one.name: {"values": list(one.values)}
            if isinstance(one, CategoryCondition)
            else {"low": one.low, "high": one.high, "mean": one.mean, "std": one.std}
            for one in self.conditions
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> ConditionSpace:
        """The inverse of `to_dict`."""
        return cls(
            tuple(
                CategoryCondition(name=name, values=tuple(reported["values"]))
                if "values" in reported
                else NumberCondition(name=name, **reported)
                for name, reported in record.items()
            )
        )


NO_CONDITIONS = ConditionSpace()
