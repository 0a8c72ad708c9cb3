"""The codes stage: every image of every split through the tokenizer once, kept as small integers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.data.dataset import SliceDataset
from scanvq.files import read_json, whole_file, write_json
from scanvq.training.stages.data import SPLITS, RunData
from scanvq.types import Tokenizer

BATCH = 32
Levels = tuple[NDArray[np.integer], ...]


def encode_splits(
    tokenizer: Tokenizer,
    tokenizer_id: str,
    data: RunData,
    folder: Path,
    *,
    mirrored: bool,
    device: torch.device,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Writes the codes of all splits into `folder`, unless those of this very tokenizer are there.

    Args:
        tokenizer: in evaluation mode.
        tokenizer_id: its content id, kept beside the codes.
        data: the run's slices.
        folder: where `<split>.npz` and `codes.json` go.
        mirrored: also encode the training images mirrored left to right.
        device: where to compute.
        progress: called with images done and all images.
    """
    wanted = {"tokenizer": tokenizer_id, "mirrored": mirrored, "store": data.store.folder.name}
    marker = folder / "codes.json"
    if marker.exists() and read_json(marker) == wanted:
        return
    marker.unlink(missing_ok=True)
    tokenizer.to(device)
    jobs = [(split, False) for split in SPLITS] + ([("train", True)] if mirrored else [])
    total, done = sum(len(data.rows(split)) for split, _ in jobs), 0
    for split, flip in jobs:
        dataset = data.dataset(split)

        def advance(images: int) -> None:
            nonlocal done
            done += images
            if progress is not None:
                progress(done, total)

        levels = encode_dataset(tokenizer, dataset, device=device, flip=flip, advance=advance)
        with whole_file(codes_file(folder, split, mirrored=flip)) as temporary, temporary.open("wb") as file:
            arrays: dict[str, Any] = {f"level_{number}": level for number, level in enumerate(levels)}
            np.savez(file, **arrays)
    write_json(marker, wanted)


def encode_dataset(
    tokenizer: Tokenizer,
    dataset: SliceDataset,
    *,
    device: torch.device,
    flip: bool = False,
    advance: Callable[[int], None] | None = None,
) -> Levels:
    """The codes of a data set, one (n, h, w) array a level, 8 or 16 bit as the codebook needs."""
    kinds = [np.uint8 if size <= 256 else np.uint16 for size in tokenizer.codebook_sizes]
    batches: list[list[NDArray[np.integer]]] = [[] for _ in kinds]
    with torch.inference_mode():
        for start in range(0, len(dataset), BATCH):
            images, _ = dataset.batch(np.arange(start, min(start + BATCH, len(dataset))), device)
            codes = tokenizer.encode(images.flip(-1) if flip else images)
            for level, kind in enumerate(kinds):
                batches[level].append(codes[level].cpu().numpy().astype(kind))
            if advance is not None:
                advance(len(images))
    return tuple(np.concatenate(level) for level in batches)


def read_codes(folder: Path, split: str, *, mirrored: bool = False) -> Levels:
    """The codes of a split, one (n, h, w) array a level."""
    with np.load(codes_file(folder, split, mirrored=mirrored), allow_pickle=False) as saved:
        return tuple(saved[f"level_{number}"] for number in range(len(saved.files)))


def codes_file(folder: Path, split: str, *, mirrored: bool = False) -> Path:
    return folder / f"{split}{'_mirrored' if mirrored else ''}.npz"
