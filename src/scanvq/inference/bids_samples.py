"""Samples as a BIDS derivative: a data set whose subjects are samples, with the provenance of each."""

from __future__ import annotations

from pathlib import Path

from scanvq.imaging.formats import FORMATS, Scan
from scanvq.inference.bids_metadata import (
    BidsFacts,
    column_descriptions,
    data_set_description,
    participants,
    readme,
    sidecar,
)
from scanvq.inference.drawn_samples import draw_samples
from scanvq.inference.sample import CODES, SHEET, SampleFiles, write_codes_and_sheet
from scanvq.model.model import Model
from scanvq.model.requested_values import RequestedValues
from scanvq.storage.files import write_json, write_text
from scanvq.storage.output_folder import output_folder
from scanvq.types import Progress, SamplingParams

_DESCRIPTION, _README = "dataset_description.json", "README.md"
_PARTICIPANTS, _COLUMNS = "participants.tsv", "participants.json"
_SOURCE = Path("sourcedata")  # validators leave it out


def sample_bids(
    model: Model,
    out: Path,
    count: int,
    *,
    facts: BidsFacts,
    condition: RequestedValues | None = None,
    params: SamplingParams,
    decoder: str | None = None,
    seed: int,
    overwrite: bool = False,
    per_label: bool = False,
    progress: Progress | None = None,
) -> SampleFiles:
    """Writes samples as a BIDS derivative with one subject each; codes and contact sheet in `sourcedata`.

    The result of an audit belongs beside the data set, not into it, because it names training scans.

    Args:
        model: with a prior.
        out: folder of the data set.
        count: number of samples.
        facts: on the images.
        condition, params, decoder, seed, overwrite, per_label, progress: as of `sample_files`.

    Raises:
        ValueError: a condition that the prior was not trained with.
        OutputError: an output is there already.
    """
    model.decoders.decoder_of(decoder)  # a missing decoder is an error before sampling
    total = count * len(model.labels) if per_label else count
    digits = max(4, len(str(total)))
    subjects = [f"sub-synthetic{number + 1:0{digits}d}" for number in range(total)]
    images = [f"{one}/anat/{one}_desc-synthetic_{facts.suffix}.nii.gz" for one in subjects]
    root = (_DESCRIPTION, _README, _PARTICIPANTS, _COLUMNS)
    codes, sheet = _SOURCE / CODES, _SOURCE / SHEET
    sidecars = [_beside(image) for image in images]
    with output_folder(out, [*root, *images, *sidecars, codes, sheet], overwrite=overwrite) as folder:
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
        columns = model.conditions.names
        write_json(folder / _DESCRIPTION, data_set_description(facts, drawn))
        write_text(folder / _README, readme(facts, drawn))
        write_text(folder / _PARTICIPANTS, participants(subjects, columns, drawn))
        write_json(folder / _COLUMNS, column_descriptions(columns, drawn))
        for number, (image, pixels) in enumerate(zip(images, drawn.images, strict=True)):
            scan = Scan(slices=pixels[None], spacing=drawn.spacing)
            (folder / image).parent.mkdir(parents=True)
            FORMATS["nifti"].write(folder / image, scan, drawn.provenance)
            write_json(folder / _beside(image), sidecar(facts, drawn, number))
        write_codes_and_sheet(drawn, codes=folder / codes, sheet=folder / sheet)
    beside = out.resolve().with_name(f"{out.resolve().name}-audit.json")
    return SampleFiles(names=images, codes=out / codes, sheet=out / sheet, audit=beside)


def _beside(image: str) -> str:
    return image.removesuffix(".nii.gz") + ".json"
