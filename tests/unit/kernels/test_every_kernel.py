"""Every kernel has a plain reference, a test against the reference, and a documented gain."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from scanvq import kernels

NAMES = sorted(file.stem for file in Path(kernels.__file__).parent.glob("*.py") if file.stem != "__init__")
SETTINGS = {"allocator"}  # of the process: they compute nothing, so the reference is a run without them


def module_of(name: str) -> ModuleType:
    return importlib.import_module(f"scanvq.kernels.{name}")


def own_parts(module: ModuleType) -> dict[str, Any]:
    """Public functions and classes that a module defines."""
    parts = inspect.getmembers(module, lambda one: inspect.isfunction(one) or inspect.isclass(one))
    return {
        name: part for name, part in parts if part.__module__ == module.__name__ and not name.startswith("_")
    }


def pairs(module: ModuleType) -> Iterator[tuple[Any, Any]]:
    """(kernel, reference) by their names: `reference_graph_replay` is that of `GraphReplay`."""
    parts = own_parts(module)
    for name, reference in parts.items():
        if name.startswith("reference_"):
            kernel = name.removeprefix("reference_")
            camel = "".join(word.capitalize() for word in kernel.split("_"))
            yield parts.get(kernel, parts.get(camel)), reference


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SETTINGS])
def test_a_kernel_and_its_reference_take_the_same_arguments(name: str) -> None:
    found = list(pairs(module_of(name)))
    assert found
    for kernel, reference in found:
        assert kernel is not None, f"{reference.__name__} has no kernel of its name"
        own, plain = inspect.signature(kernel), inspect.signature(reference)
        assert list(own.parameters.values()) == list(plain.parameters.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_documents_its_gain(name: str) -> None:
    module = module_of(name)
    documented = [kernel for kernel, _ in pairs(module)] or list(own_parts(module).values())
    for kernel in documented:
        assert "Gain: " in (inspect.getdoc(kernel) or ""), f"{name}: what {kernel.__name__} gains end to end"


@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_has_a_test_that_names_its_reference(name: str) -> None:
    tests = "".join(
        file.read_text(encoding="utf-8")
        for file in Path(__file__).parent.glob("test_*.py")
        if file.name != Path(__file__).name
    )
    for _, reference in pairs(module_of(name)):
        assert reference.__name__ in tests
    if name in SETTINGS:
        assert f"scanvq.kernels.{name} import" in tests
