"""The libraries that the tables compare with, and which of them are installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

PEERS = ("monai", "vector-quantize-pytorch")


def absent(*names: str) -> tuple[str, ...]:
    """Those of the distributions that are not installed."""
    found = []
    for name in names:
        try:
            version(name)
        except PackageNotFoundError:
            found.append(name)
    return tuple(found)


def left_out(missing: Sequence[str]) -> str:
    """A row's note on peers that are not installed; empty where there are none."""
    return f"not compared with {' and '.join(missing)}: not installed" if missing else ""
