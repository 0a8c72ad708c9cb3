"""Every image codec: gray pixels survive, more quality costs more and scores higher."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scanvq.cli.codec_summary import codec_summary
from scanvq.evaluation.codecs import CODECS, Codec
from scanvq.evaluation.rate_distortion import CodedImages, at_rate, rate_distortion
from scanvq.evaluation.rates import Rates
from scanvq.evaluation.tokenizer_scores import SCORES
from scanvq.metrics.ssim import ssim
from tests.conftest import blob

COUNT, HEIGHT, WIDTH = 6, 48, 40
QUALITIES = (10, 80)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    random = np.random.default_rng(0)
    return np.stack([blob(HEIGHT, width=0.5, random=random)[:, :WIDTH] for _ in range(COUNT)])


@pytest.fixture
def coded(pixels: np.ndarray) -> CodedImages:
    images = torch.from_numpy(pixels)[:, None] / 255
    return CodedImages(
        images=images,
        subjects=np.arange(COUNT),
        scores={name: np.linspace(0.5, 0.6, COUNT) for name in SCORES},
        rates=Rates(raw=3.0, measured={"entropy": np.linspace(1, 2, COUNT)}, refused={"prior": "No: prior."}),
        mean_image=images.mean(dim=0),
    )


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """JPEG at two qualities and a codec that is not installed."""
    for name in set(CODECS) - {"jpeg", "jpeg_xl"}:
        monkeypatch.delitem(CODECS, name)
    monkeypatch.setitem(CODECS, "jpeg", replace(CODECS["jpeg"], qualities=QUALITIES))
    monkeypatch.setitem(sys.modules, "imagecodecs", None)


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_of_gray_pixels(name: str, pixels: np.ndarray) -> None:
    codec: Codec = CODECS[name]
    if reason := codec.missing():
        pytest.skip(reason)
    assert len(codec.qualities) >= 8
    assert codec.software()
    image = pixels[0]
    sizes, scores = [], []
    for quality in (codec.qualities[0], codec.qualities[-1]):
        file = codec.encode(image, quality)
        decoded = codec.decode(file)
        assert (decoded.shape, decoded.dtype) == (image.shape, np.uint8)
        assert codec.encode(image, quality) == file
        pair = (torch.from_numpy(array)[None, None] / 255 for array in (decoded, image))
        sizes.append(len(file))
        scores.append(float(ssim(*pair)))
    assert sizes[0] < sizes[1]
    assert scores[0] < scores[1]
    assert scores[1] > 0.8


@pytest.mark.usefixtures("two")
def test_points_are_those_of_whole_files(coded: CodedImages, pixels: np.ndarray) -> None:
    document = rate_distortion(coded, {}, keep=lambda document: None, progress=lambda done, total: None)
    (points,) = (codec["points"] for codec in document["codecs"].values())
    assert [point["quality"] for point in points] == list(QUALITIES)
    for point in points:
        bits, scores = [], []
        for image in pixels:
            file = io.BytesIO()
            Image.fromarray(image).save(file, "JPEG", quality=point["quality"], optimize=True)
            decoded = np.array(Image.open(file))
            bits.append(8 * len(file.getvalue()) / image.size)
            pair = (torch.from_numpy(array)[None, None] / 255 for array in (decoded, image))
            scores.append(float(ssim(*pair)))
        assert point["rate"]["value"] == pytest.approx(np.mean(bits))
        assert point["ssim"]["value"] == pytest.approx(np.mean(scores), abs=1e-5)
        assert point["ssim"]["low"] <= point["ssim"]["value"] <= point["ssim"]["high"]
        assert {"rate", "ssim", "ms_ssim", "psnr"} <= set(point)
    assert document["rounding"]["ssim"]["value"] == pytest.approx(1, abs=1e-6)
    assert document["mean_image"]["ssim"]["value"] < points[-1]["ssim"]["value"]


@pytest.mark.usefixtures("two")
def test_a_codec_that_is_not_installed_is_named(coded: CodedImages) -> None:
    coded = replace(coded, mean_image="training images cannot be read: gone")
    document = rate_distortion(coded, {}, keep=lambda document: None, progress=lambda done, total: None)
    assert list(document["codecs"]) == ["jpeg"]
    assert document["left_out"] == {
        "jpeg_xl": "imagecodecs is not installed: pip install 'scanvq[codecs]'",
        "mean_image": "training images cannot be read: gone",
    }
    lines = codec_summary(document)
    assert "  left out: jpeg_xl, imagecodecs is not installed: pip install 'scanvq[codecs]'" in lines


@pytest.mark.usefixtures("two")
def test_an_interrupted_comparison_goes_on(coded: CodedImages, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[dict[str, Any]] = []

    def interrupted(document: dict[str, Any]) -> None:
        kept.append({**document, "codecs": {"jpeg": dict(document["codecs"]["jpeg"])}})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rate_distortion(coded, {}, keep=interrupted, progress=lambda done, total: None)
    (done,) = (document["codecs"] for document in kept)
    assert [point["quality"] for point in done["jpeg"]["points"]] == [10]
    asked: list[float] = []
    jpeg = CODECS["jpeg"]

    def encode(image: np.ndarray, quality: float) -> bytes:
        asked.append(quality)
        return jpeg.encode(image, quality)

    monkeypatch.setitem(CODECS, "jpeg", replace(jpeg, encode=encode))
    resumed = rate_distortion(coded, done, keep=lambda document: None, progress=lambda done, total: None)
    assert asked == [80] * COUNT
    asked.clear()
    whole = rate_distortion(coded, {}, keep=lambda document: None, progress=lambda done, total: None)
    assert resumed == whole
    assert asked == [10] * COUNT + [80] * COUNT


def test_scores_between_points_but_not_beyond() -> None:
    points = [{"rate": {"value": rate}, "ssim": {"value": rate / 2}} for rate in (1.0, 0.2, 0.4)]
    assert at_rate(points, 0.7, "ssim") == pytest.approx(0.35)
    assert at_rate(points, 0.2, "ssim") == pytest.approx(0.1)
    assert at_rate(points, 0.19, "ssim") is None
    assert at_rate(points, 1.01, "ssim") is None
