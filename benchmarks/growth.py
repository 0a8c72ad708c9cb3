"""Growth of time and memory: the exponent of a power law fitted to a few sizes; 1 is linear.

A training step and encoding against image size, batch and codebook; sampling against cells and batch;
preparation against the number of slices (2-D NIfTI files of noise, generated in a temporary folder). Memory
is the peak that the work adds to a process of its own.
"""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from benchmarks.measuring import Work, exponent, peak_extra_mb, turns
from benchmarks.record import Row, Setup
from benchmarks.training_step import ours
from scanvq.build import TABLES, make_prior, make_tokenizer
from scanvq.cohort.catalog_reader import read_catalog
from scanvq.conditions.space import ConditionSpace
from scanvq.imaging.geometry import Geometry
from scanvq.nn.precision import Precision
from scanvq.recipe.reading import read_recipe
from scanvq.spec import complete_part
from scanvq.store.store import prepare_store
from scanvq.types import UNKNOWN, CodePrior, SamplingParams

RECIPE = "oasis-vqvae-gated-pixelcnn"
REPEATS = 5


def rows(setup: Setup) -> Iterator[Row]:
    sides, batches = ((16, 32), (1, 2)) if setup.short else ((64, 128, 256, 512), (4, 8, 16, 32))
    books, grids = ((16, 32), (4, 6)) if setup.short else ((256, 1024, 4096, 8192), (16, 32, 64))
    slices = (40, 80) if setup.short else (1_000, 10_000, 100_000)
    few, batch, side = (1, 2, 16) if setup.short else (4, 8, 128)
    on_cpu = setup.device.type == "cpu"
    yield _row("training step, pixels", [s * s for s in sides], step, [(s, few, 256) for s in sides], setup)
    yield _row("training step, batch", batches, step, [(side, b, 256) for b in batches], setup)
    yield _row("training step, codebook size", books, step, [(side, batch, k) for k in books], setup)
    yield _row("encoding, pixels", [s * s for s in sides], encoding, [(s, few) for s in sides], setup)
    yield _row("sampling, cells", [g * g for g in grids], sampling, [(g, few) for g in grids], setup)
    yield _row("sampling, batch", batches, sampling, [(grids[0], b) for b in batches], setup)
    if on_cpu:
        yield _preparation(slices, setup)


def _row(
    case: str,
    amounts: Sequence[int],
    make: Callable[..., Work],
    sizes: Sequence[tuple[int, ...]],
    setup: Setup,
) -> Row:
    names = [f"{amount:,}" for amount in amounts]
    work = {name: make(*size, setup.device.type) for name, size in zip(names, sizes, strict=True)}
    measured = turns(work, repeats=2 if setup.short else REPEATS, device=setup.device)
    memory: dict[str, float | None] = {}
    if setup.device.type == "cpu":
        for name, size in zip(names, sizes, strict=True):
            memory[name] = peak_extra_mb(make, size=(*size, "cpu"), warm=(*sizes[0], "cpu"))
    return _fitted(case, amounts, measured, memory)


def _fitted(
    case: str,
    amounts: Sequence[int],
    measured: dict[str, list[float]],
    memory: dict[str, float | None],
) -> Row:
    numbers = {name: {"extra MB": value} for name, value in memory.items()}
    row = Row(case=case, seconds=measured, numbers=numbers)
    facts: dict[str, float | None] = {
        "exponent of time": exponent(list(amounts), [row.median(name) for name in measured])
    }
    held = [value for value in memory.values() if value is not None and value > 0]
    if len(held) == len(amounts):
        facts["exponent of memory"] = exponent(list(amounts), held)
    return replace(row, facts=facts)


def step(side: int, batch: int, codes: int, device: str) -> Work:
    """A training step of the tokenizer of report 004, in bf16."""
    recipe = read_recipe(RECIPE, overrides=[f"tokenizer.quantizer.codebook_size={codes}"])
    images = torch.rand(batch, 1, side, side, device=device)
    return ours(recipe, images, Precision(autocast="bf16", channels_last=True))


def encoding(side: int, batch: int, device: str) -> Work:
    """Images to codes."""
    tokenizer = make_tokenizer(read_recipe(RECIPE).tokenizer).to(device).eval()
    images = torch.rand(batch, 1, side, side, device=device)

    def work() -> object:
        with torch.inference_mode():
            return tokenizer.encode(images)

    return work


def sampling(side: int, batch: int, device: str) -> Work:
    """Samples of the gated PixelCNN of report 004, from caches."""
    spec = complete_part(CodePrior, read_recipe(RECIPE).prior, where="prior", tables=TABLES)
    prior = make_prior(spec, codebook_sizes=(256,), code_shapes=((side, side),), conditions=ConditionSpace())
    prior.to(device).eval()
    known = (torch.full((batch, side, side), UNKNOWN, device=device),)

    def work() -> object:
        with torch.inference_mode():
            return prior.sample(known, params=SamplingParams(), generator=torch.Generator().manual_seed(0))

    return work


def _preparation(slices: Sequence[int], setup: Setup) -> Row:
    """The prepared store of a folder, once for each number of slices: it is many files to make."""
    measured: dict[str, list[float]] = {}
    memory: dict[str, float | None] = {}
    for amount in slices:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "scans"
            write_slices(folder, amount, height=64, width=64)
            write_slices(Path(scratch) / "few", 8, height=64, width=64)
            work = preparing(str(folder), str(Path(scratch) / "cache"))
            measured[f"{amount:,}"] = turns({"": work}, repeats=1, device=setup.device, warm=False)[""]
            memory[f"{amount:,}"] = peak_extra_mb(
                preparing,
                size=(str(folder), str(Path(scratch) / "again")),
                warm=(str(Path(scratch) / "few"), str(Path(scratch) / "cache")),
            )
    return _fitted("preparation, NIfTI slices of 64x64", slices, measured, memory)


def preparing(folder: str, cache: str) -> Work:
    """A folder of slices to its prepared store."""

    def work() -> object:
        catalog = read_catalog(Path(folder))
        return prepare_store(catalog, geometry=Geometry(height=64, width=64), cache=Path(cache))

    return work


def write_slices(folder: Path, amount: int, *, height: int, width: int) -> None:
    """A flat folder of 2-D NIfTI files in float32, 60 a case, of up to 100 patterns of blocks and noise."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    packed = []
    for _ in range(min(100, amount)):
        blocks = random.random((height // 8, width // 8)).repeat(8, 0).repeat(8, 1)
        pixels = np.rint(blocks * 800 + random.normal(0, 20, (height, width))).clip(0).astype(np.float32)
        packed.append(gzip.compress(nib.Nifti1Image(pixels, np.eye(4)).to_bytes(), 6, mtime=0))
    for number in range(amount):
        name = f"case_{number // 60:04d}_slice_{number % 60}.nii.gz"
        (folder / name).write_bytes(packed[number % len(packed)])
