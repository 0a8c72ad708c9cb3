"""Whether a run that was disturbed and continued is the run that nothing disturbed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scanvq.storage.files import TEMPORARY_PREFIX

WEIGHTS = [f"{stage}/{name}.safetensors" for stage in ("tokenizer", "prior") for name in ("best", "last")]
CODES = [f"codes/{split}.npz" for split in ("train", "validation", "test")]
_MEASURED = {"cost", "elapsed", "peak_memory_mb", "validation_seconds", "seconds", "folder", "shown", "store"}


def require_equal_runs(one: Path, other: Path) -> None:
    """Raises AssertionError for other weights, codes, scores or histories, and for temporary files."""
    for name in [*WEIGHTS, *CODES, "recipe.toml", "test_scores.csv"]:
        assert (one / name).read_bytes() == (other / name).read_bytes(), f"{name} of {one} differs"
    for name in ("metrics.json", "data.json", "tokenizer/history.json", "prior/history.json"):
        assert _values(one / name) == _values(other / name), f"{name} of {one} differs"
    assert _names(one) >= _names(other), f"{_names(other) - _names(one)} is missing in {one}"
    require_no_leftovers(one)


def require_no_leftovers(folder: Path) -> None:
    left = [str(path) for path in folder.rglob(f"{TEMPORARY_PREFIX}*")]
    assert not left, f"temporary files are left: {left}"


def require_equal_folders(one: Path, other: Path) -> None:
    """Raises AssertionError if two folders do not hold the same files, byte for byte."""
    assert _names(one) == _names(other)
    for name in _names(one):
        assert (one / name).read_bytes() == (other / name).read_bytes(), f"{name} of {one} differs"


def _names(folder: Path) -> set[str]:
    """Of all files but the hidden ones: the lock, and what a killed process was writing."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(folder).as_posix() for path in files}


def _values(file: Path) -> Any:
    return _without_measured(json.loads(file.read_text(encoding="utf-8")))


def _without_measured(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_measured(part) for name, part in value.items() if name not in _MEASURED}
    return [_without_measured(part) for part in value] if isinstance(value, list) else value
