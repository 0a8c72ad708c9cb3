"""Sampled images as files: images, codes and a contact sheet."""

from __future__ import annotations

from pathlib import Path

from scanvq.imaging.formats import FORMATS, Scan
from scanvq.inference.class_table import TABLE, sample_classes, write_label_table
from scanvq.inference.code_file import write_codes
from scanvq.inference.image_files import (
    check_kind,
    contact_sheet,
    picture_files,
    picture_names,
    write_pictures,
)
from scanvq.model.model import Model
from scanvq.model.requested_values import RequestedValues
from scanvq.storage.output_folder import output_folder
from scanvq.types import Progress, SamplingParams

SHEET, STEM = "samples.png", "sample"
CODES = "codes.npz"
AUDIT = "audit.json"
"""Written beside the samples when they are audited, and replaced with them."""


def sample_files(
    model: Model,
    out: Path,
    count: int,
    *,
    condition: RequestedValues | None = None,
    params: SamplingParams,
    decoder: str | None = None,
    seed: int,
    kind: str = "png",
    overwrite: bool = False,
    per_label: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Writes sampled images, `codes.npz` and a contact sheet of all images, each marked as synthetic.

    Args:
        model: with a prior.
        out: the output folder.
        count: number of images.
        condition: requested values by name, see `Model.sample`.
        params: sampling parameters.
        decoder: of the images, see `Decoders.decoder_of`.
        seed: image i depends on the seed and on i alone.
        kind: "png", "nifti" or "npz".
        overwrite: replace earlier outputs, see `output_folder`; an earlier audit of samples, too.
        per_label: make `count` images of each label, and write `labels.csv`.
        progress: called with samples done and all.

    Returns:
        The path of the contact sheet.

    Raises:
        ValueError: an unsupported kind, or a condition that the prior was not trained with.
        OutputError: an output is there already.
    """
    check_kind(kind)
    model.decoders.decoder_of(decoder)  # a missing decoder is an error before sampling
    total = count * len(model.labels) if per_label else count
    names = [*picture_files(total, kind, stem=STEM), CODES, SHEET, AUDIT, *([TABLE] if per_label else [])]
    with output_folder(out, names, overwrite=overwrite) as folder:
        if per_label:
            codes, labels = sample_classes(
                model, count, condition=condition, params=params, seed=seed, progress=progress
            )
            write_label_table(folder, picture_names(total, kind, stem=STEM), labels)
        else:
            codes = model.sample_codes(
                count, condition=condition, params=params, seed=seed, progress=progress
            )
        decoded = model.decoders.decode(codes, decoder=decoder, seed=seed)[:, 0].numpy()
        images = model.preparation.to_native(decoded)
        provenance = model.provenance(seed=seed, decoder=model.decoders.decoder_of(decoder))
        spacing = model.preparation.native_spacing
        write_pictures(folder, images, kind, provenance, stem=STEM, spacing=spacing)
        write_codes(folder / CODES, model.id, codes, [], provenance=provenance)
        FORMATS["png"].write(folder / SHEET, Scan(slices=contact_sheet(images)[None]), provenance)
    return out / SHEET
