"""What a BIDS derivative of samples says: its description, a JSON file for each image, tables, README.

https://bids-specification.readthedocs.io, version 1.11.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scanvq.imaging.formats.software import NAME, software_version
from scanvq.inference.drawn_samples import DrawnSamples

VERSION = "1.11.1"
SUFFIXES = ("T1w", "T2w", "PDw", "T2starw", "FLAIR", "inplaneT1", "inplaneT2", "PDT2", "angio")
"""Of anatomical images with one file a scan, in arbitrary units."""


def _forms(word: str) -> tuple[str, ...]:
    """A word and its first letter, as BIDS allows them."""
    return word, word.upper(), word.title(), word[0], word[0].upper()


# Columns whose values BIDS defines.
_ALLOWED: dict[str, Callable[[str | float], bool]] = {
    "age": lambda value: not isinstance(value, str) and value <= 89,
    "sex": {form for word in ("male", "female", "other") for form in _forms(word)}.__contains__,
    "handedness": {form for word in ("left", "right", "ambidextrous") for form in _forms(word)}.__contains__,
}


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


def data_set_description(facts: BidsFacts, drawn: DrawnSamples) -> dict[str, Any]:
    """The content of dataset_description.json."""
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
                "Description": f"scanvq sample: samples of the generative model {drawn.provenance.model}",
            }
        ],
        **({"SourceDatasets": [{key: source}]} if source else {}),
    }


def sidecar(facts: BidsFacts, drawn: DrawnSamples, number: int) -> dict[str, Any]:
    """The content of the JSON file beside an image."""
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


def participants(subjects: Sequence[str], columns: Sequence[str], drawn: DrawnSamples) -> str:
    """The content of participants.tsv: the conditions of each subject."""
    rows = [["participant_id", *column_names(columns, drawn)]]
    for subject, values in zip(subjects, drawn.conditions, strict=True):
        rows.append([subject, *(_cell(values.get(name)) for name in columns)])
    return "".join("\t".join(row) + "\n" for row in rows)


def column_descriptions(columns: Sequence[str], drawn: DrawnSamples) -> dict[str, dict[str, str]]:
    """The content of participants.json."""
    return {
        column: {"Description": f"Condition {name} that the image was sampled for; of no person."}
        for name, column in zip(columns, column_names(columns, drawn), strict=True)
    }


def column_names(columns: Sequence[str], drawn: DrawnSamples) -> list[str]:
    """The names of conditions in tables: `sampled_sex` for sex, if it has values that BIDS does not know."""
    found = {name: {one[name] for one in drawn.conditions if name in one} for name in columns}
    return [
        name if all(map(_ALLOWED.get(name, _any), found[name])) else f"sampled_{name}" for name in columns
    ]


def _any(value: str | float) -> bool:
    return True


def readme(facts: BidsFacts, drawn: DrawnSamples) -> str:
    """The content of README.md."""
    requested = json.dumps(dict(drawn.requested)) if drawn.requested else "none"
    return (
        f"# Synthetic {facts.suffix} images\n\n"
        f"{len(drawn)} images made by {NAME} {software_version()}. They are synthetic: each subject is a "
        "sample of a generative model, not a person.\n\n"
        f"- Model {drawn.provenance.model}, seed {drawn.provenance.seed}, decoder "
        f"{drawn.provenance.decoder}; requested conditions: {requested}.\n"
        "- Every image has its seed, model, conditions and sampling parameters in a JSON file, and its mark "
        "in the field `descrip` of NIfTI.\n"
        "- `participants.tsv` has the conditions that the images were sampled for.\n"
        "- `sourcedata` has the codes of the images and one picture of them all.\n\n"
        "Do not use these images for diagnosis, and do not mix them with scans of patients without saying "
        "so.\n"
    )


def _cell(value: str | float | None) -> str:
    if value is None:
        return "n/a"
    return " ".join(value.split()) if isinstance(value, str) else f"{value:.6g}"
