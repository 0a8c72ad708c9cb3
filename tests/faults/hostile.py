"""Files of a run as somebody else could have made them: fields that are missing or of another type."""

from __future__ import annotations

import copy
import json
import os
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tomlkit
import torch
from safetensors import safe_open
from safetensors.torch import save_file

Key = tuple[str | int, ...]
MISSING = object()


def nested(depth: int) -> list[Any]:
    """Lists in each other."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


VALUES: dict[str, Any] = {
    "missing": MISSING,
    "null": None,
    "a text": "x",
    "a number": 3.5,
    "a huge number": 10**30,
    "a negative number": -1,
    "a list": [1, "x"],
    "an object": {"x": 1},
    "nested lists": nested(90),
}


def keys_of(value: Any, *, place: Key = ()) -> Iterator[Key]:
    """The place of every field of a value; of a list, its first item alone."""
    if place:
        yield place
    if isinstance(value, dict):
        for name, part in value.items():
            yield from keys_of(part, place=(*place, name))
    elif isinstance(value, list) and value:
        yield from keys_of(value[0], place=(*place, 0))


def changed(value: Any, place: Key, new: Any) -> Any:
    """A copy of a value with another one at a place."""
    result = copy.deepcopy(value)
    inner = result
    for name in place[:-1]:
        inner = inner[name]
    if new is MISSING:
        del inner[place[-1]]
    else:
        inner[place[-1]] = new
    return result


def all_changes(value: Any) -> Iterator[tuple[str, Any]]:
    """Every change of every field, with its name."""
    for place in keys_of(value):
        for kind, new in VALUES.items():
            yield f"{'.'.join(map(str, place))} is {kind}", changed(value, place, new)
    for kind, new in VALUES.items():
        if new is not MISSING:
            yield f"all is {kind}", new


def damage(file: Path, chance: random.Random) -> str:
    """Changes a file of a run by its kind, in place. Returns what was done."""
    kinds: dict[str, Callable[[Path, random.Random], str]] = {
        ".json": _json,
        ".toml": _toml,
        ".npz": _npz,
        ".safetensors": _weights,
        ".pt": _resume,
    }
    if chance.random() < 0.2:
        content = bytearray(file.read_bytes())
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        end = chance.choice([len(content), len(content) // 2, 0])
        file.write_bytes(content[:end])
        return f"bits flipped, cut at {end}"
    return kinds[file.suffix](file, chance)


def _any_change(value: Any, chance: random.Random) -> tuple[str, Any]:
    place = chance.choice(list(keys_of(value)))
    kind = chance.choice(list(VALUES))
    return f"{'.'.join(map(str, place))} is {kind}", changed(value, place, VALUES[kind])


def _json(file: Path, chance: random.Random) -> str:
    told, value = _any_change(json.loads(file.read_text(encoding="utf-8")), chance)
    file.write_text(json.dumps(value), encoding="utf-8")
    return told


def _toml(file: Path, chance: random.Random) -> str:
    table = tomlkit.parse(file.read_text(encoding="utf-8")).unwrap()
    told, value = _any_change(table, chance)
    while " is null" in told:  # TOML has none
        told, value = _any_change(table, chance)
    file.write_text(tomlkit.dumps(value), encoding="utf-8")
    return told


def _npz(file: Path, chance: random.Random) -> str:
    with np.load(file) as saved:
        arrays = {name: saved[name] for name in saved.files}
    name = chance.choice(list(arrays))
    one = arrays[name]
    changes: dict[str, Any] = {
        "floats": one.astype(np.float64) * 0.5 if one.dtype.kind in "iuf" else np.zeros(3),
        "complex": np.zeros(one.shape, np.complex64),
        "texts": np.array(["x"]),
        "other numbers": one + 1 if one.dtype.kind in "iu" else np.full(one.shape, np.nan),
        "flat": one.ravel(),
        "shorter": one[:1] if one.ndim else np.zeros((0, 1)),
        "empty": np.zeros((0, 0, 0)),
        "negative": np.full(one.shape, -5),
        "huge": np.full(one.shape, 2**40),
    }
    kind = chance.choice([*changes, "missing", "extra"])
    if kind == "missing":
        del arrays[name]
    elif kind == "extra":
        arrays["level_9"] = one
    else:
        arrays[name] = changes[kind]
    np.savez(file, **arrays)
    return f"{name} is {kind}"


def _weights(file: Path, chance: random.Random) -> str:
    with safe_open(file, "pt") as opened:
        names = opened.keys()
        tensors = {name: opened.get_tensor(name) for name in names}
        header = json.loads(opened.metadata()["scanvq"])
    name = chance.choice(sorted(tensors))
    kind = chance.choice(["header", "header", "header", "shape", "missing", "dtype"])
    told = f"{name}: {kind}"
    if kind == "header":
        told, header = _any_change(header, chance)
    elif kind == "missing":
        del tensors[name]
    else:
        tensors[name] = tensors[name].reshape(-1)[:1] if kind == "shape" else tensors[name].to(torch.bool)
    save_file(tensors, file, metadata={"scanvq": json.dumps(header)})
    return told


def _resume(file: Path, chance: random.Random) -> str:
    told, value = _any_change(torch.load(file, weights_only=True), chance)
    torch.save(value, file)
    return told


def _pipe(file: Path) -> None:
    os.mkfifo(file)


def _socket(file: Path) -> None:
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{folder}/{file.name}")
    finally:
        os.close(folder)


SPECIAL: dict[str, Callable[[Path], None]] = {
    "a pipe": _pipe,
    "a socket": _socket,
    "a device": lambda file: file.symlink_to("/dev/zero"),
    "a loop": lambda file: file.symlink_to(file.name),
}
"""What may stand in the place of a file, and would be waited for or read without end."""
