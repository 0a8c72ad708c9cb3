"""Reconstruction of scan files, written in the format of the originals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import Provenance, output_name
from scanvq.inference.scan_files import output_names, source_of, stems_of
from scanvq.model.model import Model
from scanvq.model.scans import Images
from scanvq.storage.output_folder import output_folder


@dataclass(frozen=True, kw_only=True)
class ReconstructedFile:
    """A reconstructed scan file.

    Attributes:
        folder: where files are written that appear together in the output folder, see `reconstruct_files`.
        target: path of the file in the output folder.
        stem: file name without suffixes, relative to the output folder.
        images: input of the network, (S, H, W) in [0, 1].
        codes: (S, h, w) for each level.
        decoded: output of the network, (S, H, W) in [0, 1].
        provenance: as it is written to the file.
    """

    folder: Path
    target: Path
    stem: Path
    images: NDArray[np.float32]
    codes: tuple[NDArray[np.int64], ...]
    decoded: NDArray[np.float32]
    provenance: Provenance


def reconstruct_files(
    model: Model, scans: Sequence[Path], out: Path, *, panels: bool = False, overwrite: bool = False
) -> Iterator[ReconstructedFile]:
    """Writes the reconstruction of each scan: same name, format, size, units and geometry, marked as derived.

    The files appear in `out` together, once all scans are reconstructed.

    Args:
        model: the model; only the tokenizer is used.
        scans: files, see `scan_files`.
        out: the output folder.
        panels: the caller writes `panel_name` of each into `folder`.
        overwrite: replace earlier outputs, see `output_folder`.

    Raises:
        ValueError: an output would overwrite the input. UnreadableScan: an unusable file.
        OutputError: an output is there already.
    """
    names = output_names(scans, out)
    stems = stems_of(names)
    written = [
        file
        for scan, name in zip(scans, names, strict=True)
        for file in output_name(scan)[1].written_files(name)
    ]
    written += [panel_name(stem) for stem in stems if panels]
    with output_folder(out, written, overwrite=overwrite) as folder:
        for path, name, stem in zip(scans, names, stems, strict=True):
            given = Images.of(model.read(path), model.preparation)
            images = given.prepared()
            codes = model.coder.encode(images)
            decoded = model.coder.decode(codes)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            provenance = replace(model.provenance(), derived=source_of(path))
            output_name(path)[1].write(folder / name, given.restored(decoded), provenance)
            yield ReconstructedFile(
                folder=folder,
                target=out / name,
                stem=stem,
                images=images[:, 0].numpy(),
                codes=tuple(level.numpy() for level in codes),
                decoded=decoded[:, 0].numpy(),
                provenance=provenance,
            )


def panel_name(stem: Path) -> Path:
    """The name of a panel in the output folder."""
    return "panels" / stem.with_name(f"{stem.name}.png")
