"""A signature is its schema: checked, completed, built, with messages for the user."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Literal

import pytest
from pydantic import Field

from scanvq.spec import (
    Derived,
    Share,
    SpecError,
    Tables,
    complete,
    complete_part,
    derived_names,
    make_part,
    setting_names,
)


class Wheel(ABC):
    @abstractmethod
    def size(self) -> float: ...


class Round(Wheel):
    def __init__(self, *, radius: float = 1.0, spokes: Annotated[int, Field(gt=0)] = 8) -> None:
        self.radius, self.spokes = radius, spokes

    def size(self) -> float:
        return self.radius


class Square(Wheel):
    def __init__(self, *, side: float, load: Derived[float] = 0.0) -> None:
        self.side, self.load = side, load

    def size(self) -> float:
        return self.side


class Cart:
    def __init__(
        self,
        *,
        front: Wheel,
        others: list[Wheel] = (),  # type: ignore[assignment]
        color: Literal["red", "blue"] = "red",
        sides: tuple[int, int] = (2, 3),
        worn: Share = 0.0,
        load: Derived[float],
    ) -> None:
        self.front, self.others, self.color = front, others, color
        self.sides, self.worn, self.load = sides, worn, load


class Vehicle:
    pass


TABLES: Tables = {Wheel: {"round": Round, "square": Square}, Vehicle: {"cart": Cart}}


def completed(**given: object) -> dict[str, object]:
    return complete(Cart, given, where="cart", tables=TABLES)


def test_defaults_are_filled_in_the_order_of_the_signature() -> None:
    spec = completed(sides=[4, 5], front="round")
    assert list(spec) == ["front", "others", "color", "sides", "worn"]
    assert spec == {
        "front": {"kind": "round", "radius": 1.0, "spokes": 8},
        "others": [],
        "color": "red",
        "sides": [4, 5],
        "worn": 0.0,
    }


def test_a_completed_spec_completes_to_itself() -> None:
    spec = completed(front={"kind": "square", "side": 2}, others=["round"])
    assert completed(**spec) == spec


def test_parts_are_built_with_what_is_derived() -> None:
    spec = completed(front={"kind": "square", "side": 2}, others=["round", {"kind": "round", "radius": 3}])
    cart = make_part(Vehicle, {"kind": "cart", **spec}, tables=TABLES, load=7.0, unasked=1)
    assert (cart.load, cart.front.load, cart.front.side) == (7.0, 7.0, 2.0)
    assert [wheel.size() for wheel in cart.others] == [1.0, 3.0]
    assert cart.sides == (2, 3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"front": "round", "colour": "red"}, r"cart\.colour does not exist\. Did you mean color\?"),
        ({"front": "round", "xyz": 1}, r"cart\.xyz does not exist\. Allowed: color, front, others, sides"),
        ({}, r"cart\.front is missing: give it a kind, one of round, square"),
        ({"front": {"radius": 1}}, r"cart\.front needs a kind: one of round, square"),
        ({"front": {"kind": "rond"}}, r"cart\.front\.kind is 'rond'.*Did you mean round\?"),
        ({"front": "square"}, r"cart\.front\.side is missing"),
        ({"front": {"kind": "round", "spokes": 0}}, r"cart\.front\.spokes is 0: input should be greater"),
        ({"front": {"kind": "round", "spokes": 2.5}}, r"cart\.front\.spokes is 2\.5: .*integer"),
        ({"front": "round", "color": "green"}, r"cart\.color is 'green': .*'red' or 'blue'"),
        ({"front": "round", "sides": [1]}, r"cart\.sides\.1 is \[1\]: field required|cart\.sides"),
        ({"front": "round", "worn": 1.5}, r"cart\.worn is 1\.5: .*less than or equal to 1"),
        ({"front": "round", "others": "round"}, r"cart\.others must be a list"),
        ({"front": "round", "others": [{"kind": "round"}, {"kind": "x"}]}, r"cart\.others\.1\.kind is 'x'"),
        ({"front": "round", "load": 3}, r"cart\.load is derived from the data and cannot be set"),
        ({"front": {"kind": "square", "side": 1, "load": 3}}, r"cart\.front\.load is derived"),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        completed(**given)


def test_a_kind_that_is_not_in_the_table_is_not_built() -> None:
    with pytest.raises(SpecError, match=r"'os\.system' is not a kind of this version"):
        make_part(Wheel, {"kind": "os.system"}, tables=TABLES)
    with pytest.raises(SpecError, match="needs a kind"):
        complete_part(Wheel, 3, where="wheel", tables=TABLES)


def test_names_of_settings_and_of_what_is_derived() -> None:
    assert setting_names(Cart) == ("front", "others", "color", "sides", "worn")
    assert derived_names(Cart) == ("load",)
