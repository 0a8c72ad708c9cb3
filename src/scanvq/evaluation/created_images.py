"""Created images to score: new ones of a model, or those of a folder, made by any program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.imaging.formats import Scan, format_of
from scanvq.imaging.intensity import Intensity
from scanvq.imaging.preparation import Preparation
from scanvq.inference.sample import SHEET
from scanvq.inference.scan_files import scan_files
from scanvq.model.model import Model
from scanvq.model.requested_values import sample_condition
from scanvq.model.scans import prepare_scan
from scanvq.storage.arrays import code_levels, open_arrays
from scanvq.storage.files import atomic_write
from scanvq.types import Codes, Progress


@dataclass(frozen=True, kw_only=True)
class CreatedImages:
    """Images to score.

    Attributes:
        images: (n, H, W) in [0, 1].
        conditions: by name (n,), what each was made for, as in `Condition`; none where that is not known.
    """

    images: NDArray[np.float32]
    conditions: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def sampled_images(
    model: Model,
    count: int,
    file: Path,
    *,
    decoder: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> CreatedImages:
    """New images of a model, drawn as the recipe says, with conditions from their joint distribution.

    Their codes are kept: a second call takes as many of them as are there, since sample i depends on the
    seed and on i alone.

    Args:
        model: with a prior.
        count: how many.
        file: where the codes are kept.
        decoder: of the images, see `scanvq.model.decoders.Decoders`.
        seed: of all samples.
        progress: called with samples done and all.
    """
    params = model.sampling_params()
    made_by = json.dumps([model.provenance(seed=seed).model, seed, repr(params)])
    codes = _kept_codes(file, made_by, count)
    if codes is None:
        codes = model.sample_codes(count, label=None, params=params, seed=seed, progress=progress)
        levels: dict[str, Any] = {f"level_{number}": level.numpy() for number, level in enumerate(codes)}
        with atomic_write(file) as temporary, temporary.open("wb") as opened:
            np.savez_compressed(opened, made_by=np.array(made_by), **levels)
    drawn = sample_condition(model.joint, count, {}, seed=seed)
    values = {**drawn.categories, **drawn.numbers}
    return CreatedImages(
        images=model.decoders.decode(codes, decoder=decoder, seed=seed)[:, 0].numpy(),
        conditions={name: values[name].numpy() for name in model.conditions.names},
    )


def given_images(model: Model, folder: Path) -> CreatedImages:
    """The images of a folder as the model's network would see them; their conditions are not known.

    Whole numbers are divided by the largest of their type (8 bits: 255), and floating-point numbers are taken
    as they are: this is how `scanvq sample` writes. Images of another size are brought to the model's, taken
    to be of its pixel size where their files do not say.

    Args:
        model: whose size and plane are used.
        folder: files of any format that scans have; `samples.png`, the sheet of all samples, is left out.

    Raises:
        ValueError: no images there, or intensities outside [0, 1]. UnreadableScan: a damaged file.
    """
    return CreatedImages(images=np.concatenate([_unit_images(model, file) for file in _image_files(folder)]))


def image_names(model: Model, folder: Path) -> list[str]:
    """The name of each of `given_images`: its path in the folder, with `#slice` for files of several."""
    names = []
    for file in _image_files(folder):
        count = len(format_of(file).read(file, plane=model.plane).slices)
        name = file.relative_to(folder).as_posix()
        names += [name] if count == 1 else [f"{name}#{number}" for number in range(count)]
    return names


def _image_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ValueError(f"--images is {folder}, which is no folder")
    files = [file for file in scan_files([folder]) if file.name != SHEET]
    if not files:
        raise ValueError(f"{folder} holds no images but the sheet {SHEET}")
    return files


def _unit_images(model: Model, file: Path) -> NDArray[np.float32]:
    scan = format_of(file).read(file, plane=model.plane)
    pixels = scan.slices
    if pixels.dtype.kind in "ui":
        unit = (pixels / np.iinfo(pixels.dtype).max).astype(np.float32)
    else:
        unit = pixels.astype(np.float32)
    if not (unit.min() >= 0 and unit.max() <= 1):
        raise ValueError(
            f"{file} has values from {pixels.min():g} to {pixels.max():g}; images to score are 8- or 16-bit, "
            "or floating-point in 0..1"
        )
    geometry = model.preparation.geometry
    if unit.shape[1:] == (geometry.height, geometry.width):
        return unit
    spacing = None if geometry.spacing is None else (geometry.spacing, geometry.spacing)
    preparation = Preparation(geometry=geometry, intensity=Intensity(kind="unit"))
    sized = prepare_scan(Scan(slices=unit, spacing=scan.spacing or spacing), preparation)
    images: NDArray[np.float32] = sized[:, 0].numpy()
    return images


def _kept_codes(file: Path, made_by: str, count: int) -> Codes | None:
    """The first `count` codes kept in `file`, if they are of this model, seed and way of drawing."""
    if not file.is_file():
        return None
    with open_arrays(file) as saved:
        levels = code_levels(saved)
        if str(saved["made_by"]) != made_by or len(levels[0]) < count:
            return None
        return tuple(torch.from_numpy(level[:count].astype(np.int64)) for level in levels)
