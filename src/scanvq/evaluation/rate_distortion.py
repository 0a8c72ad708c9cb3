"""Image codecs, the mean image and a run on the same test images: scores at bits per pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.evaluation.codecs import CODECS, Codec
from scanvq.evaluation.intervals import Values, means
from scanvq.evaluation.rates import Rates
from scanvq.evaluation.tokenizer_scores import SCORES
from scanvq.types import Progress

BATCH = 8
WHITE = 255  # of the coded images, which have 8 bits


@dataclass(frozen=True, kw_only=True, eq=False)
class CodedImages:
    """The test images that are coded, and how the run reconstructs them.

    Attributes:
        images: (n, 1, H, W) in [0, 1], the network's.
        subjects: (n,), whose image it is.
        scores: of the run's reconstructions, (n,) by name of SCORES.
        rates: of the run.
        mean_image: (1, H, W), of training images; or why there is none.
    """

    images: Tensor
    subjects: NDArray[np.int64]
    scores: Mapping[str, Values]
    rates: Rates
    mean_image: Tensor | str


def rate_distortion(
    coded: CodedImages, done: Mapping[str, Any], *, keep: Callable[[dict[str, Any]], None], progress: Progress
) -> dict[str, Any]:
    """Encodes and decodes every image by each codec at all of its qualities; bits are those of whole files.

    Args:
        coded: the images and the run.
        done: `codecs` as far as they were computed of the same images before.
        keep: called with the document after each quality of each codec.
        progress: called with qualities of all codecs done and all.

    Returns:
        {"n", "subjects", "size", "bits", "rounding", "run", "mean_image", "codecs", "left_out"}. Numbers are
        {"value", "low", "high"}; `codecs` has {"label", "settings", "software", "points"} by name; `left_out`
        says why a codec, or the mean image, could not be used.
    """
    pixels = (coded.images[:, 0] * WHITE).round().clamp(0, WHITE).to(torch.uint8).numpy()
    unknown = {name: codec.missing() for name, codec in CODECS.items()}
    left_out = {name: reason for name, reason in unknown.items() if reason}
    document: dict[str, Any] = {
        "n": len(coded.images),
        "subjects": len(np.unique(coded.subjects)),
        "size": list(coded.images.shape[-2:]),
        "bits": 8,
        "rounding": _summary(coded, _unit(pixels)),
        "run": {"rate": coded.rates.summary(coded.subjects), **means(coded.scores, coded.subjects)},
        "mean_image": None,
        "codecs": {},
        "left_out": left_out,
    }
    if isinstance(coded.mean_image, str):
        left_out["mean_image"] = coded.mean_image
    else:
        document["mean_image"] = _summary(coded, coded.mean_image.expand_as(coded.images))
    usable = {name: codec for name, codec in CODECS.items() if name not in left_out}
    total, count = sum(len(codec.qualities) for codec in usable.values()), 0
    for name, codec in usable.items():
        about = {"label": codec.label, "settings": codec.settings, "software": codec.software()}
        stored = done.get(name, {})
        same = {key: stored.get(key) for key in about} == about
        before = {point["quality"]: point for point in stored["points"]} if same else {}
        points: list[dict[str, Any]] = []
        document["codecs"][name] = {**about, "points": points}
        for quality in codec.qualities:
            points.append(before.get(quality) or _point(codec, quality, pixels, coded))
            count += 1
            keep(document)
            progress(count, total)
    return document


def at_rate(points: list[dict[str, Any]], rate: float, score: str) -> float | None:
    """A codec's mean score at bits per pixel, linear between its points; None outside of them.

    Args:
        points: of `codecs`.
        rate: bits per pixel.
        score: its name.
    """
    rates, values = zip(
        *sorted((point["rate"]["value"], point[score]["value"]) for point in points), strict=True
    )
    if not rates[0] <= rate <= rates[-1]:
        return None
    return float(np.interp(rate, rates, values))


def _point(codec: Codec, quality: float, pixels: NDArray[np.uint8], coded: CodedImages) -> dict[str, Any]:
    files = [codec.encode(image, quality) for image in pixels]
    decoded = np.stack([codec.decode(file) for file in files])
    rate = np.array([8 * len(file) / pixels[0].size for file in files])
    return {
        "quality": quality,
        "rate": means({"rate": rate}, coded.subjects)["rate"],
        **_summary(coded, _unit(decoded)),
    }


def _unit(pixels: NDArray[np.uint8]) -> Tensor:
    """Images (n, 1, H, W) in [0, 1]."""
    return torch.from_numpy(pixels)[:, None].float() / WHITE


def _summary(coded: CodedImages, images: Tensor) -> dict[str, dict[str, Any]]:
    """The mean of each score of images (n, 1, H, W) beside the originals."""
    pairs = list(zip(images.split(BATCH), coded.images.split(BATCH), strict=True))
    scores = {
        name: torch.cat([score.function(*pair).double() for pair in pairs]).numpy()
        for name, score in SCORES.items()
    }
    return means(scores, coded.subjects)
