"""The conditions of a run: names, order and allowed values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from scanvq.conditions.condition import Condition


SHOWN = 20
"""Values of a category in messages, at most."""
ROUNDING = 1e-6
"""Relative tolerance of the range of a number, for values that were stored as float32."""


@dataclass(frozen=True, kw_only=True)
class CategoryCondition:
    """A categorical condition, such as a label, a sex or a scanner.

    Attributes:
        name: as in tables and on the command line.
        values: the possible values; a value is encoded as its index in this tuple.
    """

    name: str
    values: tuple[str, ...]

    @property
    def absent(self) -> int:
        """The index that means that the value is absent."""
        return len(self.values)

    def index_of(self, text: str) -> int:
        """The index of a value. Raises ValueError for a value that was not trained."""
        if text not in self.values:
            raise ValueError(f"{self.name} is {text!r}; use one of {', '.join(self.values)}")
        return self.values.index(text)

    def __str__(self) -> str:
        shown = self.values if len(self.values) <= SHOWN else (*self.values[:SHOWN], "...")
        return f"{self.name} ({', '.join(shown)})"


@dataclass(frozen=True, kw_only=True)
class NumberCondition:
    """A numeric condition, such as an age in years or the position of a slice in its volume.

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
        """The value of a text. Raises ValueError unless it is a number in the range of the training set."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        slack = ROUNDING * max(abs(self.low), abs(self.high))
        if not self.low - slack <= value <= self.high + slack:
            raise ValueError(f"{self.name} is {text!r}; use a number from {self.low:g} to {self.high:g}")
        return value

    def __str__(self) -> str:
        return f"{self.name} ({self.low:g} to {self.high:g})"


@dataclass(frozen=True)
class ConditionSpace:
    """All conditions of a run, in the order of the recipe.

    Raises:
        ValueError: two conditions have the same name.
    """

    conditions: tuple[CategoryCondition | NumberCondition, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"conditions are {', '.join(self.names)}; each name may occur only once")

    @classmethod
    def of_labels(cls, labels: Sequence[str]) -> ConditionSpace:
        """A space with the single condition `label`; an empty space without labels."""
        return cls((CategoryCondition(name="label", values=tuple(labels)),)) if labels else cls()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(condition.name for condition in self.conditions)

    @property
    def categories(self) -> tuple[CategoryCondition, ...]:
        return tuple(c for c in self.conditions if isinstance(c, CategoryCondition))

    @property
    def numbers(self) -> tuple[NumberCondition, ...]:
        return tuple(c for c in self.conditions if isinstance(c, NumberCondition))

    @property
    def labels(self) -> tuple[str, ...]:
        """The values of the category `label`; () where labels are not used."""
        return next((category.values for category in self.categories if category.name == "label"), ())

    def __str__(self) -> str:
        """All conditions with their values, for messages."""
        return ", ".join(map(str, self.conditions)) or "no conditions"

    def values(self, requested: Mapping[str, str | float]) -> dict[str, int | float]:
        """Requested values as the values of a `Condition`: indices for categories, floats for numbers.

        Args:
            requested: by name, such as {"age": 70, "label": "AD"}; numbers may be given as text.

        Raises:
            ValueError: a condition or a value that was not trained; the message lists those that were.
        """
        known = {condition.name: condition for condition in self.conditions}
        values: dict[str, int | float] = {}
        for name, value in requested.items():
            condition = known.get(name)
            if condition is None:
                known_names = f"its conditions are {self}" if known else "it was trained without conditions"
                raise ValueError(f"{name} is not a condition of this run; {known_names}")
            if isinstance(condition, CategoryCondition):
                values[name] = condition.index_of(str(value))
            else:
                values[name] = condition.value_of(str(value))
        return values

    def parse(
        self, requested: Mapping[str, str | float], count: int, device: torch.device | str = "cpu"
    ) -> Condition:
        """The same requested values for each of `count` samples; all other conditions are absent.

        Args:
            requested: as in `values`.
            count: B.
            device: of the tensors.

        Raises:
            ValueError: a condition or a value that was not trained; the message lists those that were.
        """
        import torch

        from scanvq.conditions.condition import Condition

        categories: dict[str, Tensor] = {}
        numbers: dict[str, Tensor] = {}
        for name, value in self.values(requested).items():
            if isinstance(value, int):
                categories[name] = torch.full((count,), value, device=device)
            else:
                numbers[name] = torch.full((count,), value, dtype=torch.float32, device=device)
        return Condition(categories=categories, numbers=numbers)

    def described(self, condition: Condition, count: int) -> tuple[dict[str, str | float], ...]:
        """The inverse of `parse`: the values of each of `count` samples by name, without absent ones."""
        samples: list[dict[str, str | float]] = [{} for _ in range(count)]
        for one in self.conditions:
            if isinstance(one, CategoryCondition):
                found = condition.categories.get(one.name)
                for values, index in zip(samples, () if found is None else found.tolist(), strict=False):
                    if index != one.absent:
                        values[one.name] = one.values[index]
            elif one.name in condition.numbers:
                for values, number in zip(samples, condition.numbers[one.name].tolist(), strict=True):
                    if not math.isnan(number):
                        values[one.name] = number
        return tuple(samples)

    def check(self, condition: Condition | None) -> None:
        """Raises ValueError for names and category indices that are not in this space."""
        if condition is None:
            return
        sizes = {category.name: category.absent for category in self.categories}
        unknown = (condition.categories.keys() - sizes.keys()) | (
            condition.numbers.keys() - {number.name for number in self.numbers}
        )
        if unknown:
            raise ValueError(
                f"{', '.join(sorted(unknown))}: not a condition of this prior; its conditions are {self}"
            )
        for name, value in condition.categories.items():
            if not bool(((value >= 0) & (value <= sizes[name])).all()):
                raise ValueError(f"{name} is {value.tolist()}; use 0 to {sizes[name]} (= absent)")

    def to_dict(self) -> dict[str, Any]:
        """JSON values: by name, the values of a category, or range, mean and std of a number."""
        return {
            c.name: {"values": list(c.values)}
            if isinstance(c, CategoryCondition)
            else {"low": c.low, "high": c.high, "mean": c.mean, "std": c.std}
            for c in self.conditions
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> ConditionSpace:
        """The inverse of `to_dict`."""
        return cls(
            tuple(
                CategoryCondition(name=name, values=tuple(fields["values"]))
                if "values" in fields
                else NumberCondition(name=name, **fields)
                for name, fields in record.items()
            )
        )


NO_CONDITIONS = ConditionSpace()
