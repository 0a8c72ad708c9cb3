"""Samples in memory: codes, images and the condition of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import Provenance, Spacing
from scanvq.inference.class_table import class_condition
from scanvq.model.model import Model
from scanvq.model.requested_values import RequestedValues, sample_condition
from scanvq.model.sample import sample_codes
from scanvq.types import Codes, Progress, SamplingParams


@dataclass(frozen=True, kw_only=True, eq=False)
class DrawnSamples:
    """Samples of a model.

    Attributes:
        model: id of the tokenizer.
        codes: (n, h, w) for each level.
        images: (n, H, W) in [0, 1].
        spacing: millimeters between rows and between columns; None if not known.
        conditions: the values of each sample by name, requested or sampled, without absent ones.
        requested: the requested values, the same for all samples.
        params: sampling parameters.
        provenance: of all samples.
    """

    model: str
    codes: Codes
    images: NDArray[np.float32]
    spacing: Spacing | None
    conditions: Sequence[Mapping[str, str | float]]
    requested: RequestedValues
    params: SamplingParams
    provenance: Provenance

    def __len__(self) -> int:
        return len(self.images)


def draw_samples(
    model: Model,
    count: int,
    *,
    condition: RequestedValues | None = None,
    params: SamplingParams,
    decoder: str | None = None,
    seed: int,
    per_label: bool = False,
    progress: Progress | None = None,
) -> DrawnSamples:
    """Samples codes and decodes them; the arguments are those of `sample_files`."""
    requested = dict(condition or {})
    total = count * len(model.labels) if per_label else count
    if per_label:
        drawn = class_condition(model, count, condition=requested, seed=seed)
    else:
        drawn = sample_condition(model.joint, total, requested, seed=seed)
    params = replace(params, guided=(*requested, "label") if per_label else tuple(requested))
    codes = sample_codes(
        model.prior,
        model.code_shapes,
        total,
        condition=drawn,
        params=params,
        seed=seed,
        device=model.device,
        progress=progress,
    )
    images = model.decoders.decode(codes, decoder=decoder, seed=seed)[:, 0].numpy()
    return DrawnSamples(
        model=model.id,
        codes=codes,
        images=model.preparation.to_native(images),
        spacing=model.preparation.native_spacing,
        conditions=model.conditions.described(drawn, total),
        requested=requested,
        params=params,
        provenance=model.provenance(seed=seed, decoder=model.decoders.decoder_of(decoder)),
    )
