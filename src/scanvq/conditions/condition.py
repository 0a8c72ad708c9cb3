"""Condition values of a batch of images or samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, init=False, eq=False)
class Condition:
    """Named condition values of a batch of images or samples; any of them may be absent.

    A condition that is not named is absent from the whole batch. `ConditionSpace` defines possible values.

    Attributes:
        categories: by name, indices of values, (B,) int64; the index after the last value means absent.
        numbers: by name, values in the unit of the condition, (B,) float32; NaN means absent.

    Args:
        label: the category `label`, as a shortcut.
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
                        f"condition {name} is {value.dtype} {tuple(value.shape)}; it must be {dtype} (B,)"
                    )
        if len({len(value) for value in (*self.categories.values(), *self.numbers.values())}) > 1:
            named = {**self.categories, **self.numbers}
            lengths = ", ".join(f"{name} {len(value)}" for name, value in named.items())
            raise ValueError(f"conditions differ in length: {lengths}; each must have the batch size")

    @classmethod
    def of(cls, values: Mapping[str, Tensor]) -> Condition:
        """A condition of named tensors: integers are categories, floating-point values are numbers."""
        numbers = {name: value for name, value in values.items() if value.is_floating_point()}
        categories = {name: value for name, value in values.items() if name not in numbers}
        return cls(categories=categories, numbers=numbers)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all conditions: categories first, then numbers."""
        return (*self.categories, *self.numbers)

    @property
    def label(self) -> Tensor | None:
        """The category `label`, (B,); None if it is absent from the whole batch."""
        return self.categories.get("label")

    def __getitem__(self, samples: slice | Tensor) -> Condition:
        """The condition of selected samples of the batch."""
        return self._map(lambda value: value[samples])

    def to(self, device: torch.device | str) -> Condition:
        """A copy on another device."""
        return self._map(lambda value: value.to(device))

    def without(self, name: str) -> Condition:
        """A copy in which the condition `name` is absent."""
        return Condition(
            categories={other: value for other, value in self.categories.items() if other != name},
            numbers={other: value for other, value in self.numbers.items() if other != name},
        )

    def _map(self, change: Callable[[Tensor], Tensor]) -> Condition:
        return Condition(
            categories={name: change(value) for name, value in self.categories.items()},
            numbers={name: change(value) for name, value in self.numbers.items()},
        )
