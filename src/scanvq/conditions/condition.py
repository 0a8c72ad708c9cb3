"""The conditions of a batch: what its images are, or what samples are asked to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, init=False, eq=False)
class Condition:
    """What the images of a batch are, or samples are asked to be: named values, any of which may be absent.

    A condition that is not named is absent from the whole batch. Which values there are says a
    `ConditionSpace`.

    Attributes:
        categories: by name, numbers of values, (B,) int64; the number after the last value says absent.
        numbers: by name, values in their own unit, (B,) float32; NaN says absent.

    Args:
        label: short for the category of this name.
        categories: as above.
        numbers: as above.

    Raises:
        ValueError: tensors of another type, of more dimensions, or of different lengths.
    """

    categories: Mapping[str, Tensor]
    numbers: Mapping[str, Tensor]

    def __init__(
        self,
        *,
        label: Tensor | None = None,
        categories: Mapping[str, Tensor] | None = None,
        numbers: Mapping[str, Tensor] | None = None,
    ) -> None:
        labels = {} if label is None else {"label": label}
        object.__setattr__(self, "categories", {**labels, **(categories or {})})
        object.__setattr__(self, "numbers", dict(numbers or {}))
        for values, dtype in ((self.categories, torch.int64), (self.numbers, torch.float32)):
            for name, value in values.items():
                if value.dtype != dtype or value.ndim != 1:
                    raise ValueError(
                        f"{name} is {value.dtype} {tuple(value.shape)}; a condition here is {dtype} (B,)"
                    )
        if len({len(value) for value in (*self.categories.values(), *self.numbers.values())}) > 1:
            named = {**self.categories, **self.numbers}
            lengths = ", ".join(f"{name} {len(value)}" for name, value in named.items())
            raise ValueError(f"conditions differ in length: {lengths}")

    @classmethod
    def of(cls, values: Mapping[str, Tensor]) -> Condition:
        """A condition of named values: whole numbers are categories, all others are numbers."""
        numbers = {name: value for name, value in values.items() if value.is_floating_point()}
        categories = {name: value for name, value in values.items() if name not in numbers}
        return cls(categories=categories, numbers=numbers)

    @property
    def names(self) -> tuple[str, ...]:
        """What is named: categories first, then numbers."""
        return (*self.categories, *self.numbers)

    @property
    def label(self) -> Tensor | None:
        """The category of this name, (B,); None where it is absent from the whole batch."""
        return self.categories.get("label")

    def __getitem__(self, samples: slice | Tensor) -> Condition:
        """The condition of some samples of the batch."""
        return self._each(lambda value: value[samples])

    def to(self, device: torch.device | str) -> Condition:
        """The same on another device."""
        return self._each(lambda value: value.to(device))

    def without(self, name: str) -> Condition:
        """The same with one condition absent."""
        return Condition(
            categories={own: value for own, value in self.categories.items() if own != name},
            numbers={own: value for own, value in self.numbers.items() if own != name},
        )

    def _each(self, change: Callable[[Tensor], Tensor]) -> Condition:
        return Condition(
            categories={name: change(value) for name, value in self.categories.items()},
            numbers={name: change(value) for name, value in self.numbers.items()},
        )
