"""How often each code occurs in training images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from scanvq.metrics.code_usage import CodeUsage
from scanvq.metrics.refusal import Refusal
from scanvq.model.coder import Coder
from scanvq.storage.run_directory import RunDirectory, RunError
from scanvq.store.run_data import DataChangedError, RunData
from scanvq.store.store import BadScans
from scanvq.training.stages.codes import encode_dataset, read_codes

ENCODED = 256  # training images, at most, where the run has not stored its codes


class NoTrainingCodes(Refusal):
    """The codes of the training images are not stored, and the images cannot be read."""


def training_counts(
    coder: Coder, directory: RunDirectory, open_own: Callable[[], RunData]
) -> tuple[Tensor, ...]:
    """Counts (K,) of each level's codes, in the run's codes or else in at most 256 training images.

    Args:
        coder: of the run.
        directory: of the run.
        open_own: opens the run's data.

    Raises:
        NoTrainingCodes: neither can be read.
    """
    if (directory.codes / "codes.json").is_file():
        levels = read_codes(directory.codes, "train")
    else:
        try:
            data = open_own()
        except (OSError, RunError, DataChangedError, BadScans) as error:
            raise NoTrainingCodes(f"frequencies of codes come from training images: {error}") from error
        dataset = data.dataset("train", limit=ENCODED)
        levels = encode_dataset(coder, dataset)
    usage = tuple(CodeUsage(size) for size in coder.tokenizer.codebook_sizes)
    for counted, level in zip(usage, levels, strict=True):
        counted.add(torch.from_numpy(level.astype(np.int64)))
    return tuple(counted.counts for counted in usage)
