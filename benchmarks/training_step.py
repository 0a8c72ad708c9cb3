"""One training step of the networks of reports 000 and 004: forward, backward, optimizer.

"Plain" is the report's arithmetic: the same layers with a quantizer of N x K distances and one-hot rows and
a codebook learned by gradient, in fp32, contiguous, Adam as PyTorch has it. MONAI's `VQVAE` is at its
closest setting: the same widths, grid and codebook. The floor is the time that the step's own
floating-point operations take as one large matrix product. Each candidate has a process of its own, and
they take turns; each turn starts with a step that is not counted, because in training step follows on step.
ScanVQ runs as in `fit`: in the fastest of the settings that are measured at its start, and in the fastest
one of fp32. torch.compile is not among them: with encoder and decoder compiled, the first network's step
took 98 ms against 90 in bf16 on two cores, after 17 seconds of compiling.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measuring import Apart, Work, gemm, turns
from benchmarks.peers import absent, left_out
from benchmarks.plain import OneHotQuantizer
from benchmarks.record import Row, Setup
from scanvq.build import make_objective, make_tokenizer
from scanvq.kernels.allocator import keep_freed_memory
from scanvq.nn.precision import Precision
from scanvq.recipe.recipe import Recipe, read_recipe
from scanvq.tokenizers import VQVAE
from scanvq.training.optimizers import make_optimizer
from scanvq.training.precision import measure
from scanvq.types import Batch

BEST, FP32, PLAIN, MONAI = "scanvq, fastest setting", "scanvq, fp32", "plain, fp32", "MONAI VQVAE, fp32"
FLOORS = {"floor: fp32 GEMM": torch.float32, "floor: bf16 GEMM": torch.bfloat16}
VARIANCE = 0.05  # of the random images below, about


@dataclass(frozen=True, kw_only=True)
class Case:
    recipe: str
    height: int
    width: int
    batch: int
    repeats: int


CASES = (
    Case(recipe="hipmri-vqvae2-as-printed", height=256, width=128, batch=16, repeats=31),
    Case(recipe="oasis-vqvae-gated-pixelcnn", height=256, width=256, batch=16, repeats=15),
    Case(recipe="oasis-vqvae-gated-pixelcnn", height=256, width=256, batch=128, repeats=5),
)
SHORT = (
    Case(recipe="hipmri-vqvae2-as-printed", height=16, width=16, batch=2, repeats=2),
    Case(recipe="oasis-vqvae-gated-pixelcnn", height=16, width=16, batch=2, repeats=2),
)


def rows(setup: Setup) -> Iterator[Row]:
    for case in SHORT if setup.short else CASES:
        yield from _rows(case, setup)


def _rows(case: Case, setup: Setup) -> list[Row]:
    """What was measured in the same turns, once beside ours at its best and once beside ours in fp32."""
    recipe = read_recipe(case.recipe)
    keep_freed_memory()  # as a run does
    best, best_fp32 = _fastest(recipe, _images(case, setup.device))
    precisions = {BEST: best, FP32: best_fp32, PLAIN: Precision()}
    missing = absent("monai")
    if not missing:
        precisions[MONAI] = Precision()
    flops = {name: _flops(make_step(name, case, one, setup.device)) for name, one in precisions.items()}
    side = 64 if setup.short else 2048
    products = {
        name: gemm(side, side, side, dtype=dtype, device=setup.device) for name, dtype in FLOORS.items()
    }
    steps = {name: Apart(make_step, name, case, one, setup.device) for name, one in precisions.items()}
    try:
        measured = turns(
            {**steps, **products}, repeats=setup.limited(case.repeats), device=setup.device, steady=True
        )
    finally:
        for one in steps.values():
            one.close()
    second = {name: statistics.median(times) for name, times in measured.items()}
    peak = {name: 2 * side**3 / second[name] for name in FLOORS}  # operations a second
    numbers = {
        name: {
            "GFLOP": flops[name] / 1e9,
            "% of fp32 GEMM": 100 * flops[name] / second[name] / peak["floor: fp32 GEMM"],
            "% of bf16 GEMM": 100 * flops[name] / second[name] / peak["floor: bf16 GEMM"],
        }
        for name in steps
    }
    found = []
    for own, precision, wanted in (
        (BEST, best, {PLAIN: 3.0, MONAI: 5.0}),
        (FP32, best_fp32, {PLAIN: 1.4, MONAI: 2.5}),
    ):
        shown = (own, *(name for name in (PLAIN, MONAI) if name in steps), *FLOORS)
        found.append(
            Row(
                case=f"{recipe.name}, {case.height}x{case.width}, batch {case.batch}; {precision}",
                seconds={name: measured[name] for name in shown},
                ours=own,
                times={name: flops[own] / (2 * side**3) for name in FLOORS},
                wanted={name: aim for name, aim in wanted.items() if name in shown},
                numbers={name: numbers[name] for name in shown if name in numbers},
                notes=left_out(missing),
            )
        )
    return found


def _fastest(recipe: Recipe, images: Tensor) -> tuple[Precision, Precision]:
    """The fastest setting of all, and of those in fp32."""
    objective = make_objective(
        recipe.objective("tokenizer"), tokenizer=make_tokenizer(recipe.tokenizer), variance=VARIANCE
    )
    taken = measure(objective.to(images.device), Batch(images=images), images.device)
    fp32 = [one for one in taken if one.autocast == "fp32"]
    return min(taken, key=lambda one: taken[one]), min(fp32, key=lambda one: taken[one])


def _images(case: Case, device: torch.device) -> Tensor:
    torch.manual_seed(0)
    return torch.rand(case.batch, 1, case.height, case.width, device=device)


def make_step(by: str, case: Case, precision: Precision, device: torch.device) -> Work:
    """One candidate's training step."""
    recipe, images = read_recipe(case.recipe), _images(case, device)
    if by in (BEST, FP32):
        return ours(recipe, images, precision)
    return _plain(recipe, images) if by == PLAIN else _monai(recipe, images)


def ours(recipe: Recipe, images: Tensor, precision: Precision) -> Work:
    """One step as the training loop does it, with the memory allocator as a run sets it."""
    keep_freed_memory()
    tokenizer = make_tokenizer(recipe.tokenizer).to(images.device)
    objective = make_objective(recipe.objective("tokenizer"), tokenizer=tokenizer, variance=VARIANCE)
    precision.lay_out(objective)
    optimizer = make_optimizer(tokenizer.parameters(), recipe.stage("tokenizer"))
    batch = Batch(images=images)

    def step() -> None:
        with precision.context(images.device):
            total = objective(batch, "tokenizer", 0).total
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()

    return step


def _plain(recipe: Recipe, images: Tensor) -> Work:
    settings = recipe.tokenizer["quantizer"]
    quantizer = OneHotQuantizer(
        **{name: settings[name] for name in ("codebook_size", "code_dim", "commitment")}
    )
    layers = {name: value for name, value in recipe.tokenizer.items() if name not in ("kind", "quantizer")}
    network = VQVAE(quantizer=quantizer, **layers).to(images.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.stage("tokenizer").learning_rate)

    def step() -> None:
        optimizer.zero_grad()
        result = network(images)
        loss = F.mse_loss(result.images, images) / VARIANCE + sum(result.losses.values())
        loss.backward()
        optimizer.step()

    return step


def _monai(recipe: Recipe, images: Tensor) -> Work:
    network = monai_network(recipe.tokenizer).to(images.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.stage("tokenizer").learning_rate)

    def step() -> None:
        optimizer.zero_grad()
        rebuilt, quantization = network(images)
        (F.mse_loss(rebuilt, images) / VARIANCE + quantization).backward()
        optimizer.step()

    return step


def monai_network(spec: Mapping[str, object]) -> nn.Module:
    """MONAI's VQVAE as close to a recipe's tokenizer as it goes.

    It has no normalization, and its residual units (two 3x3 convolutions) stand at every resolution.
    """
    from monai.networks import nets as monai_nets

    channels, quantizer = tuple(spec["channels"]), spec["quantizer"]
    return monai_nets.VQVAE(
        spatial_dims=2,
        in_channels=1,
        out_channels=1,
        channels=channels,
        num_res_layers=spec["residual_blocks"] // len(channels),
        num_res_channels=(spec["residual_channels"],) * len(channels),
        downsample_parameters=((2, 4, 1, 1),) * len(channels),
        upsample_parameters=((2, 4, 1, 1, 0),) * len(channels),
        num_embeddings=quantizer["codebook_size"],
        embedding_dim=quantizer["code_dim"],
        commitment_cost=quantizer["commitment"],
    )


def _flops(step: Work) -> int:
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()
