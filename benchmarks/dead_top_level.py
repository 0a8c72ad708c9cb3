"""Collapse of the top level of a VQ-VAE-2 on brain MRI, and what prevents it.

Reproduces the setting of rosinality/vq-vae-2-pytorch issue 58 (near-perfect reconstructions of 256x256
brain MRI, top codes collapsed, samples pure noise): two levels of 512 codes of 64 numbers, codebooks as
moving averages that start from random numbers with counts of zero and are never restarted. In a short
training the bottom level collapses too; the second arm has ScanVQ's measures for the bottom level only, and
reproduces the thread's outcome: good reconstructions that do not depend on the top level. The other arms
have the measures of ScanVQ for the top level, one at a time and together.

Columns: seconds of training; SSIM of unseen images; the same with the top codes of another image (no drop =
the top level carries no information); SSIM from the top level alone; codes used and perplexity of top and
bottom.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.measuring import seconds
from benchmarks.record import Row, Setup
from scanvq.kernels.nearest_search import nearest_codes
from scanvq.metrics.code_usage import perplexity, used
from scanvq.metrics.ssim import ssim
from scanvq.quantizers import MovingAverageQuantizer
from scanvq.quantizers.feature_rows import grid_of, look_up, rows_of
from scanvq.settings import DataSettings, PreparationSettings
from scanvq.store.run_data import prepare_data, survey_data
from scanvq.synthetic.cohort import make_cohort
from scanvq.tokenizers import VQVAE2
from scanvq.types import Codes, Quantized, Quantizer

CODES, DIM, BATCH, LEARNING_RATE, COMMITMENT = 512, 64, 16, 3e-4, 0.25
TEST_IMAGES = 64


class ZeroCountQuantizer(Quantizer):
    """The thread's moving average: random codebook, counts from zero, never restarted."""

    def __init__(self, *, decay: float = 0.99, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.codebook_sizes, self.dim, self.decay, self.epsilon = (CODES,), DIM, decay, epsilon
        self.register_buffer("codebook", torch.randn(CODES, DIM))
        self.register_buffer("counts", torch.zeros(CODES))
        self.register_buffer("sums", self.codebook.clone())

    def forward(self, features: Tensor) -> Quantized:
        rows = rows_of(features, self.dim).float()
        codes = nearest_codes(rows, self.codebook)
        vectors = F.embedding(codes, self.codebook)
        if self.training:
            self._update(rows.detach(), codes)
        batch, _, height, width = features.shape
        return Quantized(
            vectors=features + (grid_of(vectors, features) - features).detach(),  # straight through
            codes=(codes.view(batch, height, width),),
            losses={"commitment": COMMITMENT * F.mse_loss(rows, vectors)},
        )

    def embed(self, codes: Codes) -> Tensor:
        (grid,) = codes
        return look_up(self.codebook, grid)

    @torch.no_grad()
    def _update(self, rows: Tensor, codes: Tensor) -> None:
        share = 1 - self.decay
        self.counts.lerp_(torch.bincount(codes, minlength=CODES).float(), share)
        self.sums.lerp_(torch.zeros_like(self.sums).index_add_(0, codes, rows), share)
        everything = self.counts.sum()
        smoothed = (self.counts + self.epsilon) / (everything + CODES * self.epsilon) * everything
        self.codebook.copy_(self.sums / smoothed[:, None])


def guarded() -> Quantizer:
    return MovingAverageQuantizer(codebook_size=CODES, code_dim=DIM, commitment=COMMITMENT)


ARMS = {  # quantizer of the top, of the bottom, weight of the top's own loss
    "as in the thread": (ZeroCountQuantizer, ZeroCountQuantizer, 0.0),
    "guarded bottom, top as in the thread": (ZeroCountQuantizer, guarded, 0.0),
    "top loss only": (ZeroCountQuantizer, ZeroCountQuantizer, 0.25),
    "data start, restarts": (guarded, guarded, 0.0),
    "both (ScanVQ)": (guarded, guarded, 0.25),
}


def demo_images(size: int, *, subjects: int) -> tuple[Tensor, Tensor]:
    """Synthetic brains (n, 1, size, size) for training, and of the last 8 subjects."""
    images, owners = [], []
    for one in make_cohort(subjects=subjects, slices=8, height=size, width=size):
        images.append(one.image)
        owners.append(one.subject)
    stacked = torch.from_numpy(np.stack(images))[:, None]
    known = torch.tensor(owners) < subjects - 8
    return stacked[known], stacked[~known]


def folder_images(folder: Path, size: int) -> tuple[Tensor, Tensor]:
    """Training and test slices of a folder of scans, resized."""
    preparation = PreparationSettings(size=(size, size), fit="resize")
    with tempfile.TemporaryDirectory() as cache:
        survey = survey_data(folder, DataSettings(), preparation, seed=0)
        data = prepare_data(survey, preparation, multiple=8, cache=Path(cache))
        loaded = []
        for split in ("train", "test"):
            dataset = data.dataset(split)
            loaded.append(dataset.batch(np.arange(len(dataset)), torch.device("cpu"))[0])
    return loaded[0], loaded[1]


def train(tokenizer: VQVAE2, images: Tensor, steps: int) -> None:
    """Mean squared error of images scaled to [-1, 1] and the tokenizer's losses, as the thread's code."""
    optimizer = torch.optim.Adam(tokenizer.parameters(), lr=LEARNING_RATE)
    order = torch.Generator().manual_seed(1)
    for _ in range(steps):
        batch = images[torch.randint(len(images), (BATCH,), generator=order)]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            result = tokenizer(batch.contiguous(memory_format=torch.channels_last))
        error = (result.images - batch).square().mean() / tokenizer.input_std**2
        optimizer.zero_grad()
        (error + sum(result.losses.values())).backward()
        optimizer.step()


@torch.inference_mode()
def score(tokenizer: VQVAE2, images: Tensor) -> dict[str, float]:
    """The numbers of an arm."""
    top, bottom = tokenizer.eval().encode(images)
    decoded = {
        "SSIM": tokenizer.decode((top, bottom)),
        "other top": tokenizer.decode((top.roll(len(top) // 2, 0), bottom)),
        "top alone": tokenizer.decode_coarsest((top,)),
    }
    numbers = {name: float(ssim(one.clamp(0, 1), images).mean()) for name, one in decoded.items()}
    for name, codes in {"top": top, "bottom": bottom}.items():
        counts = torch.bincount(codes.flatten(), minlength=CODES)
        numbers |= {f"{name} codes": float(used(counts)), f"{name} perplexity": float(perplexity(counts))}
    return numbers


def rows(setup: Setup) -> list[Row]:
    size, steps, subjects = (32, 2, 12) if setup.short else (128, 1000, 56)
    if setup.scans is None:
        training, test = demo_images(size, subjects=subjects)
    else:
        training, test = folder_images(setup.scans, size)
    test = test[torch.linspace(0, len(test) - 1, min(TEST_IMAGES, len(test))).long()]
    times: dict[str, list[float]] = {}
    numbers = {}
    for name, (top, bottom, top_weight) in ARMS.items():
        torch.manual_seed(0)
        tokenizer = VQVAE2(
            quantizers=[top(), bottom()],
            channels=(32, 64),
            top_weight=top_weight,
            input_mean=0.5,
            input_std=0.5,
        ).to(memory_format=torch.channels_last)
        times[name] = [seconds(partial(train, tokenizer, training, steps), torch.device("cpu"))]
        numbers[name] = score(tokenizer, test)
    case = f"{steps} steps, {len(training)} images of {size}x{size}, {len(test)} others scored"
    return [Row(case=case, seconds=times, numbers=numbers)]
