"""Reconstruction of scan files, written in the format of the originals."""

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
    """A reconstructed scan file.

    Attributes:
        target: path of the written file.
        stem: file name without suffixes, relative to the output folder.
        images: input of the network, (S, H, W) in [0, 1].
        codes: (S, h, w) for each level.
        decoded: output of the network, (S, H, W) in [0, 1].
    """

    target: Path
    stem: Path
    images: NDArray[np.float32]
    codes: tuple[NDArray[np.int64], ...]
    decoded: NDArray[np.float32]


def reconstruct_files(model: Model, scans: Sequence[Path], out: Path) -> Iterator[ReconstructedFile]:
    """Writes the reconstruction of each scan: same name, format, size, units and geometry, marked synthetic.

    Args:
        model: the model; only the tokenizer is used.
        scans: files, see `scan_files`.
        out: the output folder.

    Raises:
        ValueError: an output would overwrite the input. UnreadableScan: an unusable file.
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
