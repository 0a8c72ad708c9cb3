"""The codes stage: encodes all images of all splits once, and saves the codes as small integers."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.model.coder import BATCH, Coder, stored_type
from scanvq.nn.precision import Precision, candidates, time_interleaved
from scanvq.storage.arrays import code_levels, open_arrays
from scanvq.storage.files import atomic_write, read_json, validated, write_json
from scanvq.store.dataset import SliceDataset
from scanvq.store.run_data import SPLITS, RunData
from scanvq.types import Progress, Tokenizer

_MEASURED_IMAGES = 16
Levels = tuple[NDArray[np.integer], ...]
CODEBOOK_SIZES = "codebook_sizes"  # in a file of codes: K of every level


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """Precision of encoding, saved with the run so that all images are encoded in the same way.

    Attributes:
        precision: the fastest of the measured settings; the nearest-code search is always in fp32.
        seconds: estimated time to encode all images, from the measurement.
    """

    precision: Precision
    seconds: float


def plan_encoding(
    tokenizer: Tokenizer,
    data: RunData,
    file: Path,
    *,
    mirrored: bool,
    precision: Literal["auto", "fp32", "bf16"],
    device: torch.device,
) -> Encoding:
    """Selects the fastest setting that `precision` allows, by measuring a batch; reads `file` if it exists.

    The time does not depend on the weights, so the tokenizer may be untrained.
    """
    if file.exists():
        return read_encoding(file)
    dataset = data.dataset("train")
    images, _ = dataset.batch(np.arange(min(_MEASURED_IMAGES, len(dataset))), device)
    seconds = measure_encoding(tokenizer, images, device)
    allowed = {setting: time for setting, time in seconds.items() if precision in ("auto", setting.autocast)}
    best = min(allowed, key=lambda setting: allowed[setting])
    count = sum(len(data.rows(split)) for split, _ in _jobs(mirrored))
    encoding = Encoding(precision=best, seconds=allowed[best] / len(images) * count)
    write_json(file, asdict(encoding))
    return encoding


def read_encoding(file: Path) -> Encoding:
    """Reads the result of `plan_encoding` for a run. Raises DamagedFileError."""
    return validated(file, read_json(file), Encoding)


def measure_encoding(tokenizer: Tokenizer, images: Tensor, device: torch.device) -> dict[Precision, float]:
    """Seconds to encode `images` (B, 1, H, W) with every candidate setting, on copies of the tokenizer."""

    def work(precision: Precision) -> Callable[[], object]:
        copy = deepcopy(tokenizer).to(device).eval()
        precision.apply_memory_format(copy)

        def encode() -> object:
            with torch.inference_mode(), precision.context(device):
                return [copy.encode(batch) for batch in images.split(BATCH)]

        return encode

    return time_interleaved({setting: work(setting) for setting in candidates(device)}, device)


def encode_splits(
    coder: Coder,
    tokenizer_id: str,
    data: RunData,
    folder: Path,
    *,
    mirrored: bool,
    progress: Progress | None = None,
) -> None:
    """Writes the codes of all splits to `folder`, unless it has the codes of the same tokenizer and data.

    Args:
        coder: of the tokenizer.
        tokenizer_id: content id of the tokenizer, saved with the codes.
        data: the slices of the run.
        folder: of `<split>.npz` and `codes.json`.
        mirrored: also encode the training images mirrored left to right.
        progress: called with images done and all images.
    """
    expected = {"tokenizer": tokenizer_id, "mirrored": mirrored, "store": data.content}
    marker = folder / "codes.json"
    if marker.exists() and read_json(marker) == expected:
        return
    marker.unlink(missing_ok=True)
    jobs = _jobs(mirrored)
    total, done = sum(len(data.rows(split)) for split, _ in jobs), 0
    for split, flip in jobs:
        dataset = data.dataset(split)

        def advance(images: int) -> None:
            nonlocal done
            done += images
            if progress is not None:
                progress(done, total)

        levels = encode_dataset(coder, dataset, flip=flip, advance=advance)
        with (
            atomic_write(codes_file(folder, split, mirrored=flip)) as temporary,
            temporary.open("wb") as file,
        ):
            arrays: dict[str, Any] = {f"level_{number}": level for number, level in enumerate(levels)}
            arrays[CODEBOOK_SIZES] = np.array(coder.tokenizer.codebook_sizes)
            np.savez(file, **arrays)
    write_json(marker, expected)


def encode_dataset(
    coder: Coder,
    dataset: SliceDataset,
    *,
    flip: bool = False,
    advance: Callable[[int], None] | None = None,
) -> Levels:
    """The codes of a data set: an array (n, h, w) for each level, of the smallest type that holds them."""
    kinds = [stored_type(size) for size in coder.tokenizer.codebook_sizes]
    batches: list[list[NDArray[np.integer]]] = [[] for _ in kinds]
    for start in range(0, len(dataset), BATCH):
        images, _ = dataset.batch(np.arange(start, min(start + BATCH, len(dataset))), coder.device)
        codes = coder.encode_batch(images.flip(-1) if flip else images)
        for level, kind in enumerate(kinds):
            batches[level].append(codes[level].cpu().numpy().astype(kind))
        if advance is not None:
            advance(len(images))
    return tuple(np.concatenate(level) for level in batches)


def read_codes(folder: Path, split: str, *, mirrored: bool = False) -> Levels:
    """Reads the codes of a split: an array (n, h, w) for each level. Raises DamagedFileError."""
    with open_arrays(codes_file(folder, split, mirrored=mirrored)) as saved:
        levels = code_levels(saved)
        sizes = saved[CODEBOOK_SIZES].tolist() if CODEBOOK_SIZES in saved else [math.inf] * len(levels)
        if any(
            level.size and not 0 <= level.min() <= level.max() < size
            for level, size in zip(levels, sizes, strict=True)
        ):
            raise ValueError("it has codes outside of its codebook")
        return levels


def _jobs(mirrored: bool) -> list[tuple[str, bool]]:
    """(split, whether mirrored) of all sets of images to encode."""
    return [(split, False) for split in SPLITS] + ([("train", True)] if mirrored else [])


def codes_file(folder: Path, split: str, *, mirrored: bool = False) -> Path:
    return folder / f"{split}{'_mirrored' if mirrored else ''}.npz"
