"""Quantizers alone: forward, and forward with backward, in training and in evaluation.

All get the same random features in channels-last layout, as ScanVQ's networks produce them (which saves the
other libraries a copy, too), and a codebook drawn from such features. Floors: the search for the nearest
code alone, and the matrix product in it alone. Memory is the peak that one call adds to a process of its
own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.measuring import Work, peak_extra_mb, turns
from benchmarks.peers import absent, left_out
from benchmarks.plain import OneHotQuantizer
from benchmarks.record import Row, Setup
from scanvq.kernels.nearest_search import nearest_codes
from scanvq.quantizers import MovingAverageQuantizer, NearestQuantizer
from scanvq.quantizers.feature_rows import rows_of

OURS, GRADIENT, MONAI, VQP = (
    "scanvq moving_average",
    "scanvq nearest",
    "MONAI EMAQuantizer",
    "VectorQuantize (EMA)",
)
PLAIN, SEARCH, PRODUCT = "plain, one-hot", "floor: search alone", "floor: GEMM alone, in chunks"
PEERS = (OURS, GRADIENT, MONAI, VQP, PLAIN)
DISTRIBUTIONS = {MONAI: "monai", VQP: "vector-quantize-pytorch"}
COMMITMENT, DECAY, SEED = 0.25, 0.99, 0
CHUNK_SCORES = 2**19


@dataclass(frozen=True, kw_only=True)
class Case:
    """Features (batch, dim, height, width) against `codes` codes."""

    batch: int
    height: int
    width: int
    dim: int
    codes: int
    repeats: int
    warm: bool

    @property
    def name(self) -> str:
        return f"N {self.batch * self.height * self.width:,} D {self.dim} K {self.codes:,}"


CASES = (
    Case(batch=16, height=64, width=32, dim=64, codes=512, repeats=15, warm=True),
    Case(batch=16, height=64, width=64, dim=64, codes=8192, repeats=2, warm=False),
)
TINY = Case(batch=2, height=8, width=8, dim=64, codes=32, repeats=2, warm=True)


def rows(setup: Setup) -> Iterator[Row]:
    for case in (TINY,) if setup.short else CASES:
        for training in (False, True):
            for backward in (False, True):
                yield _row(case, training, backward, setup)


def _row(case: Case, training: bool, backward: bool, setup: Setup) -> Row:
    missing = absent(*DISTRIBUTIONS.values())
    peers = [name for name in PEERS if DISTRIBUTIONS.get(name) not in missing]
    able = [name for name in peers if training or not backward or name != VQP]  # no gradient in its eval
    work = {name: call(name, case, training, backward, setup.device) for name in able}
    features = _features(case, setup.device)
    flat, codebook = rows_of(features, case.dim), _codebook(case, setup.device)
    work[SEARCH] = lambda: nearest_codes(flat, codebook)
    work[PRODUCT] = _product(flat, codebook)
    memory: dict[str, dict[str, float | None]] = {}
    if setup.device.type == "cpu":
        for name in able:
            extra = peak_extra_mb(
                call,
                size=(name, case, training, backward, setup.device),
                warm=(name, TINY, training, backward, setup.device),
            )
            memory[name] = {"extra MB": extra}
    measured = turns(work, repeats=setup.limited(case.repeats), device=setup.device, warm=case.warm)
    mode = f"{'forward + backward' if backward else 'forward'}, {'train' if training else 'eval'}"
    return Row(
        case=f"{case.name}: {mode}",
        seconds={**dict.fromkeys(peers, ()), **measured},
        ours=OURS,
        wanted={
            name: aim
            for name, aim in {MONAI: 6.0, VQP: 6.0, SEARCH: 1 / 1.5}.items()
            if name in peers or name == SEARCH
        },
        numbers=memory,
        notes=left_out(missing),
    )


def call(name: str, case: Case, training: bool, backward: bool, device: torch.device) -> Work:
    """One call of a quantizer."""
    quantizer = _MAKERS[name](case, _codebook(case, device)).to(device).train(training)
    losses = _LOSSES[name]
    features = _features(case, device).requires_grad_(backward)
    gradient = torch.ones_like(features)

    def work() -> None:
        with torch.set_grad_enabled(backward):
            vectors, loss = losses(quantizer(features))
        if backward:
            features.grad = None
            torch.autograd.backward([vectors, loss], [gradient, torch.ones_like(loss)])

    return work


def _features(case: Case, device: torch.device) -> Tensor:
    torch.manual_seed(SEED)
    features = torch.randn(case.batch, case.dim, case.height, case.width, device=device)
    return features.contiguous(memory_format=torch.channels_last)


def _codebook(case: Case, device: torch.device) -> Tensor:
    torch.manual_seed(SEED + 1)
    return torch.randn(case.codes, case.dim, device=device)


def _moving_average(case: Case, codebook: Tensor) -> nn.Module:
    quantizer = MovingAverageQuantizer(codebook_size=case.codes, code_dim=case.dim, commitment=COMMITMENT)
    quantizer.codebook.copy_(codebook)
    quantizer.sums.copy_(codebook)
    quantizer.steps.fill_(1)  # it has started from data already
    return quantizer


def _nearest(case: Case, codebook: Tensor) -> nn.Module:
    quantizer = NearestQuantizer(codebook_size=case.codes, code_dim=case.dim, commitment=COMMITMENT)
    quantizer.codebook.data.copy_(codebook)
    return quantizer


def _monai(case: Case, codebook: Tensor) -> nn.Module:
    from monai.networks.layers.vector_quantizer import EMAQuantizer

    quantizer = EMAQuantizer(2, case.codes, case.dim, commitment_cost=COMMITMENT, decay=DECAY)
    quantizer.embedding.weight.data.copy_(codebook)
    quantizer.ema_w.copy_(codebook)
    return quantizer


def _vector_quantize(case: Case, codebook: Tensor) -> nn.Module:
    from vector_quantize_pytorch import VectorQuantize

    quantizer = VectorQuantize(
        case.dim,
        case.codes,
        decay=DECAY,
        commitment_weight=COMMITMENT,
        accept_image_fmap=True,
        rotation_trick=False,
    )
    quantizer.codebook = codebook
    return quantizer


def _one_hot(case: Case, codebook: Tensor) -> nn.Module:
    quantizer = OneHotQuantizer(codebook_size=case.codes, code_dim=case.dim, commitment=COMMITMENT)
    quantizer.embedding.weight.data.copy_(codebook)
    return quantizer


_MAKERS: dict[str, Callable[[Case, Tensor], nn.Module]] = {
    OURS: _moving_average,
    GRADIENT: _nearest,
    MONAI: _monai,
    VQP: _vector_quantize,
    PLAIN: _one_hot,
}


def _quantized(result) -> tuple[Tensor, Tensor]:
    return result.vectors, sum(result.losses.values())


_LOSSES = {
    OURS: _quantized,
    GRADIENT: _quantized,
    MONAI: lambda result: (result[0], result[1]),
    VQP: lambda result: (result[0], result[2].sum()),
    PLAIN: _quantized,
}


def _product(flat: Tensor, codebook: Tensor) -> Work:
    """x.e of every row and code, a chunk at a time into the same memory: the arithmetic alone."""
    chunk = min(len(flat), max(256, CHUNK_SCORES // len(codebook)))
    scores, vectors = flat.new_empty(chunk, len(codebook)), codebook.t()

    def work() -> None:
        for start in range(0, len(flat) - chunk + 1, chunk):
            torch.mm(flat[start : start + chunk], vectors, out=scores)

    return work
