"""Bounds of the settings of a recipe: what no part can be built from, or no memory holds, is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from scanvq.spec import SpecError

_HIGHEST = {
    "codebook_size": 2**20,
    "code_dim": 4096,
    "dilations": 1024,
    "kernel": 255,
    "layers": 1024,
    "head_layers": 1024,
    "blocks": 1024,
    "residual_blocks": 1024,
    "heads": 1024,
    "batch_size": 2**16,
    "epochs": 2**31,
    "warmup_steps": 2**31,
    "restart_after": 2**31,
    "save_every": 2**31,
    "steps": 2**16,
    "top_k": 2**20,
    "size": 2**14,
}
"""Highest value of integer settings by name; 8192 for all others."""
_FROM_ONE = {
    *("channels", "codebook_size", "code_dim", "dilations", "embedding_dim", "noise_dim", "kernel", "layers"),
    *(
        "batch_size",
        "epochs",
        "discriminator_channels",
        "residual_channels",
        "heads",
        "blocks",
        "head_layers",
        "steps",
        "size",
    ),
}
"""Integer settings that 0 does not turn off."""
_HIGHEST_FLOAT = 1e6
_ABOVE_ZERO = {"epsilon", "learning_rate"}
_MOST_CODEBOOK_NUMBERS = 2**28
_MOST_PIXELS = 2**31  # of a batch


def check_bounds(sections: Mapping[str, Any]) -> None:
    """Checks the numbers of the completed sections of a recipe.

    Raises:
        SpecError: a number that is not finite, negative or beyond its bound; several channels of an image; a
            codebook or a batch that is larger than any memory.
    """
    for where, name, value in _numbers(sections, ""):
        if not math.isfinite(value):
            raise SpecError(f"{where} is {value}; it must be a finite number.")
        if isinstance(value, float):
            if value < 0 or (value == 0 and name in _ABOVE_ZERO):
                low = "above 0" if name in _ABOVE_ZERO else "0 or more"
                raise SpecError(f"{where} is {value:g}; it must be {low}.")
            if value > _HIGHEST_FLOAT or (name == "betas" and value == 1):
                high = "below 1" if name == "betas" else f"{_HIGHEST_FLOAT:,.0f} or less"
                raise SpecError(f"{where} is {value:g}; it must be {high}.")
            continue
        low, high = int(name in _FROM_ONE), _HIGHEST.get(name, 8192)
        if name == "image_channels":
            low = high = 1
        if not low <= value <= high:
            allowed = f"{low} to {high}" if low < high else f"{low}"
            raise SpecError(f"{where} is {value}; it must be {allowed}.")
    _check_codebooks(sections, "")
    _check_batches(sections)
    if not any(settings["budget_share"] for settings in sections["training"].values()):
        shares = " and ".join(f"training.{stage}.budget_share" for stage in sections["training"])
        raise SpecError(f"{shares} are all 0; give one of them a share above 0.")


def _numbers(value: Any, where: str, name: str = "") -> Iterator[tuple[str, str, float]]:
    """Yields the numbers with their dotted key, and the name of their setting."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(inner, f"{where}.{key}" if where else str(key), str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _numbers(inner, where, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield where, name, value


def _check_codebooks(value: Any, where: str) -> None:
    if isinstance(value, list | tuple):
        for inner in value:
            _check_codebooks(inner, where)
    if not isinstance(value, Mapping):
        return
    size, dim = value.get("codebook_size"), value.get("code_dim")
    if isinstance(size, int) and isinstance(dim, int) and size * dim > _MOST_CODEBOOK_NUMBERS:
        raise SpecError(
            f"{where}.codebook_size is {size} with a code_dim of {dim}; their product must be "
            f"{_MOST_CODEBOOK_NUMBERS} or less."
        )
    for key, inner in value.items():
        _check_codebooks(inner, f"{where}.{key}" if where else str(key))


def _check_batches(sections: Mapping[str, Any]) -> None:
    size = sections["preparation"]["size"]
    if size == "native":
        return
    height, width = size
    for stage, settings in sections["training"].items():
        batch = settings["batch_size"]
        if batch * height * width > _MOST_PIXELS:
            raise SpecError(
                f"training.{stage}.batch_size is {batch} with a preparation.size of {height}x{width}; a "
                f"batch must have {_MOST_PIXELS} pixels or fewer."
            )
