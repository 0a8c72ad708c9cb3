"""New images, shown as they are sampled, each with its nearest training scan and its receipt."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from typing import Any

import torch
from torch.nn import functional as F

from scanvq.app.limits import Deadline, Limits
from scanvq.app.pictures import Figure, Pixels, download, figures_html, gray, png, sentence
from scanvq.app.served_model import Nearest, ServedModel
from scanvq.app.streaming import streamed
from scanvq.imaging.formats import Provenance
from scanvq.model.model import Model
from scanvq.model.requested_values import RequestedValues, sample_condition
from scanvq.types import UNKNOWN, Codes, SamplingParams

FIRST, PACE = 0.3, 0.6  # seconds until the first partial picture, and between them
COST = 6  # times what a partial picture takes: the pause after it, at least
NOT_YET = 0.25  # gray value of what is not sampled yet


@dataclass(frozen=True, kw_only=True)
class CreateRequest:
    """What to create; None = the default of the model.

    Attributes:
        count: number of images.
        seed: image i depends on the seed and on i alone.
        temperature, top_p, guidance: of the sampling.
        condition: requested values by name.
        decoder: "natural" or "faithful".
    """

    count: int
    seed: int
    temperature: float | None = None
    top_p: float | None = None
    guidance: float | None = None
    condition: RequestedValues = field(default_factory=dict)
    decoder: str | None = None


@dataclass(frozen=True, kw_only=True)
class Partial:
    """Images that are being sampled, (n, H, W) each, and the share of their codes that is there."""

    images: tuple[Pixels, ...]
    share: float


@dataclass(frozen=True, kw_only=True)
class Created:
    """Created images.

    Attributes:
        images: (H, W) each.
        codes: of every level, (n, h, w).
        provenance: that of the files.
        params: sampling parameters.
        conditions: values by name, of each image; those not requested were drawn.
        requested: by name.
        seconds: that sampling and decoding took.
        name: of the model.
        tokenizer: its id.
        nearest: as far as they are found yet, in order.
        not_audited: why there are no nearest scans; "" if there are.
    """

    images: tuple[Pixels, ...]
    codes: Codes
    provenance: Provenance
    params: SamplingParams
    conditions: tuple[Mapping[str, str | float], ...]
    requested: RequestedValues
    seconds: float
    name: str
    tokenizer: str
    nearest: tuple[Nearest, ...] = ()
    not_audited: str = ""

    def receipt(self, number: int) -> dict[str, Any]:
        """How an image was made, and the training scan that it is nearest to."""
        near = self.nearest[number] if number < len(self.nearest) else None
        return {
            "mark": str(self.provenance),
            "software": f"scanvq {version('scanvq')}",
            "run": self.name,
            "model": self.provenance.model,
            "tokenizer": self.tokenizer,
            "seed": self.provenance.seed,
            "image": number,
            "decoder": self.provenance.decoder,
            "temperature": self.params.temperature,
            "top_k": self.params.top_k,
            "top_p": self.params.top_p,
            "guidance": self.params.guidance,
            "requested": dict(self.requested),
            "conditions": dict(self.conditions[number]),
            "nearest_training_scan": {"not_audited": self.not_audited or "not yet"}
            if near is None
            else {"file": near.file, "correlation": near.correlation, "p": near.p, "copy": near.copy},
        }


def create(served: ServedModel, request: CreateRequest, limits: Limits) -> Iterator[Partial | Created]:
    """Samples images: partial pictures first, then the images, then again with each nearest scan.

    Raises:
        Refused: too many images, or too long a time. ValueError: settings that the model does not support.
    """
    model, began = served.model, time.monotonic()
    count = limits.check("the number of images", request.count, 1, limits.images)
    decoder = model.decoders.decoder_of(request.decoder)
    params = model.sampling_params(
        condition=request.condition,
        temperature=request.temperature,
        top_p=request.top_p,
        guidance=request.guidance,
    )
    sampling = streamed(partial(_sample, model, request, count, params, Deadline(limits.seconds)))
    codes: Codes
    while True:
        try:
            yield next(sampling)
        except StopIteration as end:
            codes = end.value
            break
    decoded = model.decoders.decode(codes, decoder=decoder, seed=request.seed)[:, 0].numpy()
    drawn = sample_condition(model.joint, count, request.condition, seed=request.seed)
    created = Created(
        images=tuple(map(gray, model.preparation.to_native(decoded))),
        codes=codes,
        provenance=model.provenance(seed=request.seed, decoder=decoder),
        params=params,
        conditions=model.conditions.described(drawn, count),
        requested=request.condition,
        seconds=time.monotonic() - began,
        name=served.name,
        tokenizer=model.id,
        not_audited=served.not_audited,
    )
    yield created
    shown = time.monotonic()
    for near in served.nearest(codes):
        created = replace(created, nearest=(*created.nearest, near))
        if len(created.nearest) == count or time.monotonic() - shown > PACE:
            shown = time.monotonic()
            yield created


def partial_images(model: Model, codes: Codes) -> Partial:
    """Decodes codes (n, h, w) of every level of which some are UNKNOWN; their pixels stay gray."""
    decoded = model.coder.decode(tuple(level.clamp(min=0) for level in codes))
    known = torch.stack(
        [F.interpolate((level != UNKNOWN).float()[:, None], size=decoded.shape[2:]) for level in codes]
    ).amin(dim=0)
    images = model.preparation.to_native(torch.where(known > 0, decoded, NOT_YET)[:, 0].numpy())
    cells = sum(level.numel() for level in codes)
    there = sum(int((level != UNKNOWN).sum()) for level in codes)
    return Partial(images=tuple(map(gray, images)), share=there / cells)


def created_html(found: Partial | Created) -> str:
    """Partial or complete images for the page."""
    if isinstance(found, Partial):
        note = sentence(f"sampling: {100 * found.share:.0f} % of the codes")
        return note + figures_html([[Figure(png=png(image), created=True)] for image in found.images])
    count = len(found.images)
    notes = [sentence(f"{count} images in {found.seconds:.1f} s, seed {found.provenance.seed}")]
    if found.not_audited:
        notes.append(sentence(f"Nearest training scans are not shown: {found.not_audited}", warning=True))
    elif len(found.nearest) < count:
        notes.append(sentence(f"nearest training scans: {len(found.nearest)} of {count}"))
    if found.provenance.decoder == "natural":
        notes.append(sentence("Natural decoder: fine texture is invented, and not evidence of anything."))
    groups = [_figures(found, number) for number in range(count)]
    return "".join(notes) + figures_html(groups)


def _figures(created: Created, number: int) -> list[Figure]:
    picture = png(created.images[number], created.provenance)
    receipt = json.dumps(created.receipt(number), indent=2).encode()
    stem = f"sample_{created.provenance.seed}_{number:03d}"
    links = (
        download(f"{stem}.png", picture, "image/png", "PNG"),
        download(f"{stem}.json", receipt, "application/json", "receipt"),
    )
    values = ", ".join(
        f"{name} {value if isinstance(value, str) else f'{value:.3g}'}"
        for name, value in created.conditions[number].items()
    )
    caption = f"#{number + 1}{f' {values}' if values else ''}"
    figures = [Figure(png=picture, caption=caption, created=True, links=links)]
    if number < len(created.nearest):
        near = created.nearest[number]
        verdict = "looks like a COPY" if near.copy else f"p {near.p:.2f}"
        text = f"nearest training scan {near.file}, correlation {near.correlation:.2f}, {verdict}"
        figures.append(Figure(png=png(near.image), caption=text))
    return figures


def _sample(
    model: Model,
    request: CreateRequest,
    count: int,
    params: SamplingParams,
    deadline: Deadline,
    show: Callable[[Partial], None],
) -> Codes:
    following = time.monotonic() + FIRST

    def watch(codes: Codes) -> None:
        nonlocal following
        deadline.check()
        if (began := time.monotonic()) > following:
            show(partial_images(model, codes))
            ended = time.monotonic()
            following = ended + max(PACE, COST * (ended - began))

    return model.sample_codes(
        count, condition=request.condition, params=params, seed=request.seed, watch=watch
    )
