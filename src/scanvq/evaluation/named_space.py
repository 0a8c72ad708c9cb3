"""A space of features that the user names: a TorchScript file, which maps images to vectors."""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Images = NDArray[np.float32]
OWN = ("features", "pca32", "network")
"""The names of the spaces that every evaluation has."""
BATCH = 16
FAILURES = (RuntimeError, torch.jit.Error)
"""Of a TorchScript file that is damaged, or does not take these images."""
HOW = "save one with torch.jit.script(module).save(FILE) or torch.jit.trace(module, example).save(FILE)"


class SpaceError(ValueError):
    """A file that is no usable space of features."""


@dataclass(frozen=True, kw_only=True)
class NamedSpace:
    """A feature network of the user.

    Attributes:
        name: the stem of its file.
        digest: of the file, 16 hexadecimal digits.
        describe: images (n, H, W) to vectors (n, p). Raises SpaceError where the network gives anything else.
    """

    name: str
    digest: str
    describe: Callable[[Images], NDArray[np.float64]]


def read_named_spaces(files: Sequence[Path]) -> tuple[NamedSpace, ...]:
    """Reads several, see `read_named_space`. Raises SpaceError where two have one name."""
    spaces = tuple(read_named_space(file) for file in files)
    names = [space.name for space in spaces]
    if len(set(names)) < len(names):
        raise SpaceError(
            f"--space names are {', '.join(names)}: each file needs a name of its own; rename one"
        )
    return spaces


def read_named_space(file: Path) -> NamedSpace:
    """Reads a TorchScript file, to run on the CPU.

    A TorchScript file is a program: whoever names one runs it. It cannot run Python, and no pickle is read by
    Python; still, use files of people you trust only.

    Args:
        file: a module that maps (B, 1, H, W) or (B, 3, H, W) in [0, 1] to (B, p). One channel is tried first;
            where that fails the gray values are repeated three times.

    Raises:
        SpaceError: no TorchScript file, or one with the name of another space.
    """
    if not file.is_file():
        raise SpaceError(f"--space is {file}, which is no file; {HOW}")
    if file.stem in OWN:
        raise SpaceError(f"--space {file} has the name of a space of every evaluation: rename the file")
    if not _is_torchscript(file):
        raise SpaceError(f"--space {file} is not TorchScript, and nothing else is read; {HOW}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # newer PyTorch reads, but advises against
            module = torch.jit.load(file, map_location="cpu").eval()
    except FAILURES as error:
        raise SpaceError(f"--space {file} cannot be loaded: {_last_line(error)}") from error
    return NamedSpace(
        name=file.stem,
        digest=hashlib.sha256(file.read_bytes()).hexdigest()[:16],
        describe=_describer(module, file),
    )


def _is_torchscript(file: Path) -> bool:
    """Whether a file holds constants and code, which `torch.jit.save` writes and `torch.save` does not."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        inside = ["/".join(name.split("/")[1:]) for name in archive.namelist()]
    return "constants.pkl" in inside and any(name.startswith("code/") for name in inside)


def _describer(module: torch.nn.Module, file: Path) -> Callable[[Images], NDArray[np.float64]]:
    channels = 0  # not known before the first images

    @torch.no_grad()
    def describe(images: Images) -> NDArray[np.float64]:
        nonlocal channels
        batches = torch.from_numpy(np.ascontiguousarray(images))[:, None].split(BATCH)
        channels = channels or _channels(module, batches[0], file)
        return torch.cat([_vectors(module, batch, channels, file) for batch in batches]).double().numpy()

    return describe


def _channels(module: torch.nn.Module, batch: Tensor, file: Path) -> int:
    """1 or 3, whichever the network takes."""
    failures = []
    for channels in (1, 3):
        try:
            module(batch.expand(-1, channels, -1, -1))
        except FAILURES as error:
            failures.append(f"{channels} channel{'s' * (channels > 1)}: {_last_line(error)}")
        else:
            return channels
    raise SpaceError(f"--space {file} fails for images {tuple(batch.shape)}, with {'; with '.join(failures)}")


def _vectors(module: torch.nn.Module, batch: Tensor, channels: int, file: Path) -> Tensor:
    try:
        found = module(batch.expand(-1, channels, -1, -1))
    except FAILURES as error:
        raise SpaceError(
            f"--space {file} fails for images {tuple(batch.shape)}: {_last_line(error)}"
        ) from error
    if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(batch) or not found.shape[1]:
        got = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise SpaceError(
            f"--space {file} gives {got} for {len(batch)} images; it must give one vector an image, "
            f"({len(batch)}, p)"
        )
    if not bool(found.isfinite().all()):
        raise SpaceError(f"--space {file} gives values that are not finite for images in [0, 1]")
    return found


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
