"""Samples as a BIDS derivative: a data set whose subjects are samples, with the provenance of each.

https://bids-specification.readthedocs.io, version 1.11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanvq.imaging.formats import FORMATS, Provenance, Scan
from scanvq.imaging.formats.software import NAME, software_version
from scanvq.inference.drawn_samples import DrawnSamples, draw_samples
from scanvq.inference.sample import CODES, SHEET, SampleFiles, write_codes_and_sheet
from scanvq.model.model import Model
from scanvq.model.requested_values import RequestedValues
from scanvq.storage.files import write_json, write_text
from scanvq.storage.output_folder import output_folder
from scanvq.types import Progress, SamplingParams

VERSION = "1.11.1"
SUFFIXES = ("T1w", "T2w", "PDw", "T2starw", "FLAIR", "inplaneT1", "inplaneT2", "PDT2", "angio")
"""Of anatomical images with one file a scan, in arbitrary units."""
_DESCRIPTION, _README = "dataset_description.json", "README.md"
_PARTICIPANTS, _COLUMNS = "participants.tsv", "participants.json"
_SOURCE = Path("sourcedata")  # validators leave it out


@dataclass(frozen=True, kw_only=True)
class BidsFacts:
    """What BIDS requires to be said of images, and a model does not know.

    Attributes:
        suffix: one of `SUFFIXES`.
        skull_stripped: whether pixels outside of the brain are zero.
        source: URL or DOI of the training data; "" = unknown.

    Raises:
        ValueError: another suffix.
    """

    suffix: str
    skull_stripped: bool
    source: str = ""

    def __post_init__(self) -> None:
        if self.suffix not in SUFFIXES:
            raise ValueError(f"--suffix is {self.suffix!r}; BIDS has {', '.join(SUFFIXES)} for such images")


def sample_bids(
    model: Model,
    out: Path,
    count: int,
    facts: BidsFacts,
    *,
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
    sidecars = [_sidecar(image) for image in images]
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
        write_json(folder / _DESCRIPTION, _data_set(facts, drawn.provenance))
        write_text(folder / _README, _readme(facts, drawn))
        write_text(folder / _PARTICIPANTS, _table(subjects, columns, drawn.conditions))
        write_json(folder / _COLUMNS, {name: {"Description": _column(name)} for name in columns})
        for number, (image, pixels) in enumerate(zip(images, drawn.images, strict=True)):
            scan = Scan(slices=pixels[None], spacing=drawn.spacing)
            (folder / image).parent.mkdir(parents=True)
            FORMATS["nifti"].write(folder / image, scan, drawn.provenance)
            write_json(folder / _sidecar(image), _image(facts, drawn, number))
        write_codes_and_sheet(drawn, codes=folder / codes, sheet=folder / sheet)
    beside = out.resolve().with_name(f"{out.resolve().name}-audit.json")
    return SampleFiles(names=images, codes=out / codes, sheet=out / sheet, audit=beside)


def _sidecar(image: str) -> str:
    return image.removesuffix(".nii.gz") + ".json"


def _data_set(facts: BidsFacts, provenance: Provenance) -> dict[str, Any]:
    source = facts.source.strip()
    key = "URL" if "://" in source else "DOI"
    return {
        "Name": f"Synthetic {facts.suffix} images",
        "BIDSVersion": VERSION,
        "DatasetType": "derivative",
        "License": "unknown",
        "GeneratedBy": [
            {
                "Name": NAME,
                "Version": software_version(),
                "Description": f"scanvq sample: samples of the generative model {provenance.model}",
            }
        ],
        **({"SourceDatasets": [{key: source}]} if source else {}),
    }


def _image(facts: BidsFacts, drawn: DrawnSamples, number: int) -> dict[str, Any]:
    made_by, params = drawn.provenance, drawn.params
    return {
        "Description": "Synthetic image, sampled from a generative model; not an image of a person.",
        "SkullStripped": facts.skull_stripped,
        "Synthetic": True,
        "Model": made_by.model,
        "Seed": made_by.seed,
        "SampleNumber": number,
        "Decoder": made_by.decoder,
        "Conditions": dict(drawn.conditions[number]),
        "RequestedConditions": list(params.guided or ()),
        "Sampling": {
            "Temperature": params.temperature,
            "TopK": params.top_k,
            "TopP": params.top_p,
            "Guidance": params.guidance,
        },
    }


def _table(
    subjects: Sequence[str], columns: Sequence[str], conditions: Sequence[Mapping[str, str | float]]
) -> str:
    rows = [["participant_id", *columns]]
    for subject, values in zip(subjects, conditions, strict=True):
        rows.append([subject, *(_cell(values.get(name)) for name in columns)])
    return "".join("\t".join(row) + "\n" for row in rows)


def _cell(value: str | float | None) -> str:
    if value is None:
        return "n/a"
    return " ".join(value.split()) if isinstance(value, str) else f"{value:.6g}"


def _column(name: str) -> str:
    return f"Condition {name} that the image was sampled for; of no person."


def _readme(facts: BidsFacts, drawn: DrawnSamples) -> str:
    params = json.dumps(dict(drawn.requested)) if drawn.requested else "none"
    return (
        f"# Synthetic {facts.suffix} images\n\n"
        f"{len(drawn)} images made by {NAME} {software_version()}. They are synthetic: each subject is a sample "
        "of a generative model, not a person.\n\n"
        f"- Model {drawn.provenance.model}, seed {drawn.provenance.seed}, decoder "
        f"{drawn.provenance.decoder}; requested conditions: {params}.\n"
        "- Every image has its seed, model, conditions and sampling parameters in a JSON file, and its mark "
        "in the field `descrip` of NIfTI.\n"
        "- `participants.tsv` has the conditions that the images were sampled for.\n"
        "- `sourcedata` has the codes of the images and one picture of them all.\n\n"
        "Do not use these images for diagnosis, and do not mix them with scans of patients without saying so.\n"
    )
