"""Scan files through the tokenizer and back, written as they came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import output_name
from scanvq.inference.scan_files import names_of, outputs, stems_of
from scanvq.model.model import Model
from scanvq.model.scans import Images


@dataclass(frozen=True, kw_only=True)
class ReconstructedFile:
    """One scan that was reconstructed and written.

    Attributes:
        target: the file written.
        stem: its name without suffixes, below the output folder.
        images: (S, H, W) in [0, 1], as the network saw them.
        codes: (S, h, w) a level.
        decoded: (S, H, W) in [0, 1].
    """

    target: Path
    stem: Path
    images: NDArray[np.float32]
    codes: tuple[NDArray[np.int64], ...]
    decoded: NDArray[np.float32]


def reconstruct_files(model: Model, scans: Sequence[Path], out: Path) -> Iterator[ReconstructedFile]:
    """Writes each scan's reconstruction: same name, format, size, units and geometry, marked as synthetic.

    Args:
        model: whose tokenizer is used.
        scans: files, see `scan_files`.
        out: the folder.

    Raises:
        ValueError: an output would overwrite its own scan. UnreadableScan: a file that cannot be used.
    """
    targets = outputs(scans, out)
    stems = stems_of(names_of(scans))
    for path, target, stem in zip(scans, targets, stems, strict=True):
        given = Images.of(model.read(path), model.preparation)
        images = given.prepared()
        codes = model.coder.encode(images)
        decoded = model.coder.decode(codes)
        output_name(path)[1].write(target, given.restored(decoded), model.provenance())
        yield ReconstructedFile(
            target=target,
            stem=stem,
            images=images[:, 0].numpy(),
            codes=tuple(level.numpy() for level in codes),
            decoded=decoded[:, 0].numpy(),
        )
