"""Sampled images as files: images, codes and a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scanvq.imaging.formats import FORMATS, Scan
from scanvq.inference.class_table import TABLE, write_label_table
from scanvq.inference.code_file import write_codes
from scanvq.inference.drawn_samples import DrawnSamples, draw_samples
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


@dataclass(frozen=True, kw_only=True)
class SampleFiles:
    """Where samples were written.

    Attributes:
        names: of the images, relative to their folder.
        codes: their codes.
        sheet: all images as one PNG.
        audit: for the result of their audit, which names training scans.
    """

    names: Sequence[str]
    codes: Path
    sheet: Path
    audit: Path


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
) -> SampleFiles:
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

    Raises:
        ValueError: an unsupported kind, or a condition that the prior was not trained with.
        OutputError: an output is there already.
    """
    check_kind(kind)
    model.decoders.decoder_of(decoder)  # a missing decoder is an error before sampling
    total = count * len(model.labels) if per_label else count
    names = picture_names(total, kind, stem=STEM)
    written = [*picture_files(total, kind, stem=STEM), CODES, SHEET, AUDIT, *([TABLE] if per_label else [])]
    with output_folder(out, written, overwrite=overwrite) as folder:
        drawn = draw_samples(
            model,
            count,
            condition=condition,
            params=params,
            decoder=decoder,
            seed=seed,
            per_label=per_label,
            progress=progress,
        )
        if per_label:
            write_label_table(folder, names, [str(values["label"]) for values in drawn.conditions])
        write_pictures(folder, drawn.images, kind, drawn.provenance, stem=STEM, spacing=drawn.spacing)
        write_codes_and_sheet(drawn, codes=folder / CODES, sheet=folder / SHEET)
    return SampleFiles(names=names, codes=out / CODES, sheet=out / SHEET, audit=out / AUDIT)


def write_codes_and_sheet(drawn: DrawnSamples, *, codes: Path, sheet: Path) -> None:
    """Writes the codes of samples, and the contact sheet of their images."""
    write_codes(codes, drawn.model, drawn.codes, [], provenance=drawn.provenance)
    FORMATS["png"].write(sheet, Scan(slices=contact_sheet(drawn.images)[None]), drawn.provenance)
