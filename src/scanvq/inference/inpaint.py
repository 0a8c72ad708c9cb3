"""Inpainting of scan files: masks, completions and file names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import FORMATS, Format, Plane, Provenance, Scan, format_of, output_name, stem_of
from scanvq.inference.reconstruct import panel_name
from scanvq.inference.scan_files import source_of
from scanvq.model.inpaint import unknown_region
from scanvq.model.model import Model
from scanvq.model.requested_values import RequestedValues
from scanvq.storage.output_folder import output_folder
from scanvq.types import SamplingParams


@dataclass(frozen=True, kw_only=True)
class InpaintedFile:
    """A scan with its completions.

    Attributes:
        folder: of the files, until they appear in the output folder.
        panel: name of the picture of all completions there, which the caller writes.
        scan: as it was given.
        unknown: (S, H, W), true where pixels were completed.
        completions: of the scan.
        provenance: of the first completion.
    """

    folder: Path
    panel: Path
    scan: Scan
    unknown: NDArray[np.bool_]
    completions: Sequence[Scan]
    provenance: Provenance

    @property
    def shown_slice(self) -> int:
        """The slice with the most unknown pixels; of several, the middle one."""
        counts = self.unknown.sum(axis=(1, 2))
        most = np.flatnonzero(counts == counts.max())
        return int(most[len(most) // 2])

    def panel_images(self) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]:
        """Of the shown slice: the scan (H, W) in [0, 1], what is unknown, the completions (n, H, W)."""
        number = self.shown_slice
        slices = [scan.slices[number].astype(np.float64) for scan in (self.scan, *self.completions)]
        low, high = np.min(slices[1:]), np.max(slices[1:])  # completions have the known pixels, too
        unit = np.clip((np.stack(slices) - low) / max(high - low, 1e-12), 0, 1).astype(np.float32)
        return unit[0], self.unknown[number], unit[1:]


@contextmanager
def inpaint_file(
    model: Model,
    file: Path,
    out: Path,
    *,
    mask: Path | None = None,
    keep: str | None = None,
    count: int,
    condition: RequestedValues | None = None,
    params: SamplingParams,
    decoder: str | None = None,
    seed: int,
    overwrite: bool = False,
) -> Iterator[InpaintedFile]:
    """Writes several completions of a scan, each marked as derived; they appear when the block ends.

    Args:
        model: with a prior that can inpaint.
        file: the scan.
        out: the folder for the completions.
        mask: an image of the scan's size, white where pixels are unknown: of one slice, which is used for
            all, or of as many slices as the scan.
        keep: the half that is known, instead of a mask: see `model.inpaint.REGIONS`.
        count: number of completions.
        condition: requested values by name, see `Model.inpaint`.
        params: sampling parameters.
        decoder: of the completions, see `Decoders.decoder_of`.
        seed: of the first completion; completion i uses seed + i.
        overwrite: replace earlier outputs, see `output_folder`.

    Raises:
        ValueError: an invalid mask or half, or a prior that cannot inpaint.
        OutputError: an output is there already.
    """
    scan = model.read(file)
    unknown = mask_of(scan, mask, keep, plane=model.plane)
    used, source = model.decoders.decoder_of(decoder), source_of(file)
    targets = [completed_file(Path(), file, number) for number in range(count)]
    written = [name for target, format in targets for name in format.written_files(target)]
    panel = panel_name(Path(stem_of(output_name(file)[0])))
    with output_folder(out, [*written, panel], overwrite=overwrite) as folder:
        completions = model.inpaint(
            scan,
            unknown,
            count=count,
            condition=condition,
            params=params,
            decoder=decoder,
            seed=seed,
        )
        provenances = [
            replace(model.provenance(seed=seed + number, decoder=used), derived=source)
            for number in range(count)
        ]
        for completion, (target, format), provenance in zip(completions, targets, provenances, strict=True):
            format.write(folder / target, completion, provenance)
        yield InpaintedFile(
            folder=folder,
            panel=panel,
            scan=scan,
            unknown=unknown,
            completions=completions,
            provenance=provenances[0],
        )


def mask_of(scan: Scan, mask: Path | None, keep: str | None, *, plane: Plane) -> NDArray[np.bool_]:
    """Mask (S, H, W), True where pixels are unknown, from a mask file or from the half that is kept.

    Args:
        scan: the scan.
        mask: the mask file; read in the plane of the scan.
        keep: the half that is kept, instead of a mask.
        plane: of the slices of the scan.

    Raises:
        ValueError: an unknown half, or a mask of another size than the scan.
        UnreadableScan: a damaged mask.
    """
    count, height, width = scan.slices.shape
    if mask is None:
        return np.repeat(unknown_region(keep or "", (height, width))[None], count, axis=0)
    slices = format_of(mask).read(mask, plane=plane).slices
    if slices.shape[1:] != (height, width):
        raise ValueError(
            f"the mask {mask} is {'x'.join(map(str, slices.shape[1:]))}, but the scan is {height}x{width}; "
            "they must have the same size"
        )
    if len(slices) not in (1, count):
        raise ValueError(
            f"the mask {mask} has {len(slices)} slices, the scan {count}; give a mask of a single slice, "
            "which is used for all, or of as many slices as the scan"
        )
    unknown: NDArray[np.bool_] = slices > slices.max() / 2
    return np.repeat(unknown, count, axis=0) if len(unknown) == 1 else unknown


def completed_file(out: Path, file: Path, number: int) -> tuple[Path, Format]:
    """The path of a completion, with the scan's name and a number, and its file format.

    Completions of lossy formats such as JPEG, which would change known pixels, and of images in an npz file
    are written as PNG.
    """
    name, format = output_name(file)
    stem = stem_of(name)
    if not format.lossless:
        return out / f"{stem}_{number}.png", FORMATS["png"]
    return out / f"{stem}_{number}{name[len(stem) :]}", format
