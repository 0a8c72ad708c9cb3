"""Bytes of whole files beside image codecs, on test slices that no model was trained on.

Needs `--scans RUN`, a run on 8-bit slices that are not resampled for the network, with a prior of the kind
gated_pixelcnn or pixelcnn; otherwise a small model of synthetic brains is made, whose numbers mean nothing.
Every slice is a file of its own, and its bytes are all bytes of that file, with every header.

`at equal SSIM`: of every codec the bytes at the mean SSIM of ScanVQ's codes, and its SSIM and PSNR at the
bytes of ScanVQ, between the two nearest of at least eight qualities (means over all slices; bytes on a
logarithmic scale). The facts are the codec's bytes divided by ScanVQ's, with a 95 % interval by bootstrap
over patients. Then every quality of each codec. `largest error`: ScanVQ's codes with a coded residual
(`--max-error`) beside JPEG-LS; lossless also beside JPEG XL and PNG. Seconds are of encoding and decoding.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.record import Row, Setup
from scanvq import api
from scanvq.codec.stream_header import read_stream
from scanvq.evaluation.codecs import CODECS
from scanvq.imaging.formats import Scan
from scanvq.inference.stream_codec import StreamCodec
from scanvq.metrics.pixel_error import psnr
from scanvq.metrics.ssim import ssim
from scanvq.model.model import Model
from scanvq.storage.files import read_json
from scanvq.synthetic import write_demo

OURS = "scanvq"
MOST_SLICES = 100  # beside codecs with losses
FEWER_SLICES = 24  # of a largest error
ERRORS = (0, 1, 2, 4, 8, 16)
RESAMPLES = 1000

Pixels = NDArray[np.uint8]
Encode = Callable[[Pixels], bytes]
Decode = Callable[[bytes], Pixels]


@dataclass(frozen=True, kw_only=True)
class Coded:
    """Slices coded in one way: of each slice, bytes, SSIM, PSNR, the largest error, and seconds."""

    size: NDArray[np.float64]
    ssim: NDArray[np.float64]
    psnr: NDArray[np.float64]
    error: int
    seconds: tuple[float, ...]
    pixels: int

    def numbers(self) -> dict[str, float | None]:
        lossless = self.error == 0
        return {
            "bytes": float(self.size.mean()),
            "bits per pixel": float(8 * self.size.mean() / self.pixels),
            "SSIM": float(self.ssim.mean()),
            "PSNR, dB": None if lossless else float(self.psnr.mean()),
            "largest error": self.error,
        }


def rows(setup: Setup) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as scratch:
        model, slices, patients = opened(setup, Path(scratch))
        ours = coded(slices, *scanvq_codec(model))
        others = {
            name: {
                quality: coded(slices, lambda x, c=codec, q=quality: c.encode(x, q), codec.decode)
                for quality in codec.qualities
            }
            for name, codec in CODECS.items()
            if not codec.missing()
        }
        yield at_equal_ssim(ours, others, patients)
        for name, points in others.items():
            yield row_of(
                f"{CODECS[name].label}: {CODECS[name].settings}",
                {f"quality {quality:g}": point for quality, point in points.items()},
            )
        for error in ERRORS:
            yield row_of(
                f"largest error {error}: the first {len(slices[:FEWER_SLICES])} slices",
                {
                    name: coded(slices[:FEWER_SLICES], *codec)
                    for name, codec in {
                        OURS: scanvq_codec(model, max_error=error),
                        **near_lossless(error),
                    }.items()
                },
            )


def opened(setup: Setup, scratch: Path) -> tuple[Model, list[Pixels], NDArray[np.int64]]:
    """A model, test slices (H, W) of its run, and whose they are."""
    run = setup.scans
    if run is None or not (run / "recipe.toml").is_file():
        scans = run or scratch / "scans"
        if run is None:
            write_demo(scans, subjects=30, slices=1)
        run = scratch / "run"
        api.fit(
            scans,
            out=run,
            recipe="tiny",
            overrides=("preparation.size=[96,96]", "preparation.fit=pad", "data.test=0.3"),
            epochs=1,
            device="cpu",
            cache=scratch / "cache",
            allow_leak=True,  # the same few templates make many synthetic heads
        )
    model, data = Model.load(run, device="cpu"), read_json(run / "data.json")
    test = [entry for entry in data["entries"] if entry[3] == "test"]
    test = test[: 2 if setup.short else MOST_SLICES]
    slices = [model.read(Path(data["folder"]) / entry[0]).slices[0] for entry in test]
    if any(pixels.dtype != np.uint8 for pixels in slices):
        raise ValueError(f"the test slices of {run} do not have 8 bits, which image codecs need")
    return model, slices, np.unique([entry[1] for entry in test], return_inverse=True)[1]


def scanvq_codec(model: Model, *, max_error: float | None = None) -> tuple[Encode, Decode]:
    codec = StreamCodec(model)

    def encode(pixels: Pixels) -> bytes:
        return codec.compress(Scan(slices=pixels[None]), "png", max_error=max_error, steps=lambda count: None)

    def decode(data: bytes) -> Pixels:
        found: Pixels = codec.decompress(*read_stream(data), steps=lambda count: None).slices[0]
        return found

    return encode, decode


def near_lossless(error: int) -> Mapping[str, tuple[Encode, Decode]]:
    """Codecs with the same largest error."""
    import imagecodecs

    from scanvq.evaluation.codecs.pillow_files import decode_file

    found: dict[str, tuple[Encode, Decode]] = {
        "JPEG-LS": (lambda x: bytes(imagecodecs.jpegls_encode(x, level=error)), imagecodecs.jpegls_decode)
    }
    if error == 0:
        found["JPEG XL"] = (
            lambda x: bytes(imagecodecs.jpegxl_encode(x, lossless=True, effort=9, usecontainer=False)),
            lambda data: np.squeeze(imagecodecs.jpegxl_decode(data)),
        )
        found["PNG"] = (lambda x: bytes(imagecodecs.png_encode(x, level=9)), decode_file)
    return found


def coded(slices: Sequence[Pixels], encode: Encode, decode: Decode) -> Coded:
    sizes, similar, signal, seconds, error = [], [], [], [], 0
    for pixels in slices:
        began = time.perf_counter()
        data = encode(pixels)
        found = decode(data)
        seconds.append(time.perf_counter() - began)
        error = max(error, int(np.abs(found.astype(int) - pixels).max()))
        pair = [torch.from_numpy(np.array(each, np.float32))[None, None] / 255 for each in (found, pixels)]
        sizes.append(len(data))
        similar.append(float(ssim(*pair)))
        signal.append(float(psnr(*pair)))
    return Coded(
        size=np.array(sizes, np.float64),
        ssim=np.array(similar),
        psnr=np.array(signal),
        error=error,
        seconds=tuple(seconds),
        pixels=round(float(np.mean([pixels.size for pixels in slices]))),
    )


def row_of(case: str, points: Mapping[str, Coded]) -> Row:
    return Row(
        case=case,
        seconds={name: point.seconds for name, point in points.items()},
        numbers={name: point.numbers() for name, point in points.items()},
    )


def at_equal_ssim(
    ours: Coded, others: Mapping[str, Mapping[float, Coded]], patients: NDArray[np.int64]
) -> Row:
    """Every codec at the SSIM of ScanVQ's codes, and at its bytes."""
    everything = np.arange(len(patients))
    numbers: dict[str, Mapping[str, float | None]] = {OURS: ours.numbers()}
    facts: dict[str, float | None] = {}
    nearest = {OURS: ours.seconds}
    for name, by_quality in others.items():
        label, points = CODECS[name].label, list(by_quality.values())
        size = bytes_at(points, ours, everything)
        numbers[label] = {
            "bytes": size,
            "bits per pixel": None if size is None else 8 * size / ours.pixels,
            "SSIM": float(ours.ssim.mean()),
            "SSIM at equal bytes": at_bytes(points, ours, "ssim"),
            "PSNR at equal bytes": at_bytes(points, ours, "psnr"),
        }
        closest = min(points, key=lambda point: abs(point.ssim.mean() - ours.ssim.mean()))
        nearest[label] = closest.seconds
        ratios = [
            None if (found := bytes_at(points, ours, chosen)) is None else found / ours.size[chosen].mean()
            for chosen in resamples(patients)
        ]
        known = [ratio for ratio in ratios if ratio is not None]
        if size is not None:
            facts[f"{label} bytes / ScanVQ bytes"] = size / float(ours.size.mean())
        if len(known) == len(ratios):
            low, high = np.quantile(known, [0.025, 0.975])
            facts[f"{label}, low"], facts[f"{label}, high"] = float(low), float(high)
    return Row(
        case=f"at equal SSIM: {len(patients)} slices of {len(np.unique(patients))} patients",
        seconds=nearest,
        numbers=numbers,
        facts=facts,
        notes="seconds of a codec are those of its quality with the nearest SSIM",
    )


def resamples(patients: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Slices of as many patients, drawn with replacement."""
    random, people = np.random.default_rng(0), np.unique(patients)
    of = [np.flatnonzero(patients == person) for person in people]
    for _ in range(RESAMPLES):
        yield np.concatenate([of[person] for person in random.integers(0, len(people), len(people))])


def bytes_at(points: Sequence[Coded], ours: Coded, chosen: NDArray[np.int64]) -> float | None:
    """Mean bytes of a codec at our mean SSIM of the chosen slices; None outside its qualities."""
    curve = sorted((point.ssim[chosen].mean(), point.size[chosen].mean()) for point in points)
    similar, sizes = np.array(curve).T
    target = ours.ssim[chosen].mean()
    if not similar[0] <= target <= similar[-1]:
        return None
    return float(np.exp(np.interp(target, similar, np.log(sizes))))


def at_bytes(points: Sequence[Coded], ours: Coded, score: str) -> float | None:
    """A mean score of a codec at our mean bytes; None outside its qualities."""
    curve = sorted((point.size.mean(), getattr(point, score).mean()) for point in points)
    sizes, scores = np.array(curve).T
    if not sizes[0] <= ours.size.mean() <= sizes[-1]:
        return None
    return float(np.interp(np.log(ours.size.mean()), np.log(sizes), scores))
