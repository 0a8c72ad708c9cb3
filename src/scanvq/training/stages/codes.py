"""The codes stage: every image of every split through the tokenizer once, kept as small integers."""

from __future__ import annotations

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
from scanvq.storage.files import atomic_write, read_json, write_json
from scanvq.store.dataset import SliceDataset
from scanvq.store.run_data import SPLITS, RunData
from scanvq.types import Tokenizer

_TRIED = 16  # images of a trial
Levels = tuple[NDArray[np.integer], ...]


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How the images of a run are encoded, kept with it so that every code of it comes about alike.

    Attributes:
        precision: the fastest that was measured; the search of the nearest code is fp32 in all of them.
        seconds: what encoding all images was measured to take.
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
    """Measures a batch by every setting that `precision` allows, unless `file` holds the answer.

    The time depends on the network and not on its weights, so a tokenizer may be measured untrained.
    """
    if file.exists():
        return read_encoding(file)
    everything = data.dataset("train")
    images, _ = everything.batch(np.arange(min(_TRIED, len(everything))), device)
    seconds = measure_encoding(tokenizer, images, device)
    allowed = {one: time for one, time in seconds.items() if precision in ("auto", one.autocast)}
    best = min(allowed, key=lambda one: allowed[one])
    count = sum(len(data.rows(split)) for split, _ in _jobs(mirrored))
    encoding = Encoding(precision=best, seconds=allowed[best] / len(images) * count)
    write_json(file, asdict(encoding))
    return encoding


def read_encoding(file: Path) -> Encoding:
    """What `plan_encoding` found for a run."""
    saved = read_json(file)
    return Encoding(precision=Precision(**saved["precision"]), seconds=saved["seconds"])


def measure_encoding(tokenizer: Tokenizer, images: Tensor, device: torch.device) -> dict[Precision, float]:
    """Seconds to encode `images` (B, 1, H, W) by every candidate, on copies of the tokenizer."""

    def work(precision: Precision) -> Callable[[], object]:
        copy = deepcopy(tokenizer).to(device).eval()
        precision.apply_memory_format(copy)

        def encode() -> object:
            with torch.inference_mode(), precision.context(device):
                return [copy.encode(batch) for batch in images.split(BATCH)]

        return encode

    return time_interleaved({one: work(one) for one in candidates(device)}, device)


def encode_splits(
    coder: Coder,
    tokenizer_id: str,
    data: RunData,
    folder: Path,
    *,
    mirrored: bool,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Writes the codes of all splits into `folder`, unless those of this very tokenizer are there.

    Args:
        coder: the tokenizer's.
        tokenizer_id: its content id, kept beside the codes.
        data: the run's slices.
        folder: where `<split>.npz` and `codes.json` go.
        mirrored: also encode the training images mirrored left to right.
        progress: called with images done and all images.
    """
    wanted = {"tokenizer": tokenizer_id, "mirrored": mirrored, "store": data.content}
    marker = folder / "codes.json"
    if marker.exists() and read_json(marker) == wanted:
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
            np.savez(file, **arrays)
    write_json(marker, wanted)


def encode_dataset(
    coder: Coder,
    dataset: SliceDataset,
    *,
    flip: bool = False,
    advance: Callable[[int], None] | None = None,
) -> Levels:
    """The codes of a data set, one (n, h, w) array a level, of the smallest type that holds them."""
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
    """The codes of a split, one (n, h, w) array a level."""
    with np.load(codes_file(folder, split, mirrored=mirrored), allow_pickle=False) as saved:
        return tuple(saved[f"level_{number}"] for number in range(len(saved.files)))


def _jobs(mirrored: bool) -> list[tuple[str, bool]]:
    """(split, whether mirrored) of everything that is encoded."""
    return [(split, False) for split in SPLITS] + ([("train", True)] if mirrored else [])


def codes_file(folder: Path, split: str, *, mirrored: bool = False) -> Path:
    return folder / f"{split}{'_mirrored' if mirrored else ''}.npz"
