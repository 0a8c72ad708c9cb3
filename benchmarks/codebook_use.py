"""Codebook use of the planned tokenizer after training: twenty seeds on synthetic brains.

The tokenizer is the one that `scanvq plan` chooses for the cohort, its 512 codes, quantizer, losses and
learning rate unchanged. Images are scaled down, the batch size differs and the steps are few, as given in
each row, so that all seeds take minutes on one thread. The seed determines weights, order and augmentation,
not the split. The weights are those of the best validation, which a run keeps.

Compared with the plan, which has a decay of .95: the usual decay of .99, with `codebook_monitor = "warn"`
and `"adjust"`.

Columns: seconds of training with its validations; codes that occur in the training split, in % of the
codebook; their perplexity; SSIM of the validation split. Wanted: at least 80 % in use with every seed.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.measuring import seconds
from benchmarks.record import Row, Setup
from scanvq.metrics.code_usage import CodeUsage
from scanvq.model.coder import Coder
from scanvq.model.weights import load_tokenizer
from scanvq.nn.precision import Precision
from scanvq.planning.make import make_plan
from scanvq.recipe.recipe import Recipe
from scanvq.storage.files import read_json
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.run_data import RunData, prepare_data, survey_data
from scanvq.synthetic import write_demo
from scanvq.training.engine import Engine
from scanvq.training.history import Loggers
from scanvq.training.interrupt import StopRequest
from scanvq.training.stages.tokenizer import train_tokenizer
from scanvq.training.training_limit import TrainingLimit

SEEDS, SUBJECTS, SLICES, SIDE, BATCH, STEPS = 20, 40, 8, 64, 16, 400
WANTED = 80.0  # percent of the codebook
USED = "codes in use, %"
CANDIDATES = {  # what is changed in the plan
    "planned": (),
    "decay .99, monitor warns": (
        "tokenizer.quantizer.decay=0.99",
        "training.tokenizer.codebook_monitor=warn",
    ),
    "decay .99, monitor adjusts": ("tokenizer.quantizer.decay=0.99",),
}


def rows(setup: Setup) -> Iterator[Row]:
    """A row for each seed, then one over all of them for each candidate."""
    seeds, subjects, slices, side, steps = (
        (2, 12, 2, 16, 2) if setup.short else (SEEDS, SUBJECTS, SLICES, SIDE, STEPS)
    )
    with tempfile.TemporaryDirectory() as scratch:
        scans = setup.scans or Path(scratch) / "scans"
        if setup.scans is None:
            write_demo(scans, subjects=subjects, slices=slices)
        recipes = {name: planned(scans, side, setup.device, changes) for name, changes in CANDIDATES.items()}
        first = recipes["planned"]
        data = prepare_data(
            survey_data(scans, first.data, first.preparation, seed=0),
            first.preparation,
            multiple=4,
            allow_leak=True,  # the same few templates make many synthetic heads
            cache=Path(scratch) / "cache",
        )
        found = []
        for seed in range(seeds):
            run = RunDirectory(Path(scratch) / f"seed-{seed}")
            found.append(compared(recipes, data, run, steps=steps, seed=seed, device=setup.device))
            yield found[-1]
    amount = f"{len(data.rows('train'))} images of {side}x{side}, batch {BATCH}, {steps} steps"
    for name in CANDIDATES:
        yield over_seeds(f"{seeds} seeds, {amount}", name, found)


def planned(scans: Path, side: int, device: torch.device, changes: Sequence[str] = ()) -> Recipe:
    """The plan's recipe for these scans, with small images, the batch of this table, and changes."""
    small = [
        f"preparation.size=[{side},{side}]",
        "preparation.fit=resize",
        f"training.tokenizer.batch_size={BATCH}",
        *changes,
    ]
    return make_plan(scans, overrides=small, device=device, dry_run=False).recipe


def compared(
    recipes: Mapping[str, Recipe],
    data: RunData,
    run: RunDirectory,
    *,
    steps: int,
    seed: int,
    device: torch.device,
) -> Row:
    """Trains every candidate with one seed."""
    times, numbers = {}, {}
    for place, (name, recipe) in enumerate(recipes.items()):
        own = RunDirectory(run.path / str(place))
        times[name], numbers[name] = trained(recipe, data, own, steps=steps, seed=seed, device=device)
    return Row(case=f"seed {seed}", seconds={name: [took] for name, took in times.items()}, numbers=numbers)


def trained(
    recipe: Recipe, data: RunData, run: RunDirectory, *, steps: int, seed: int, device: torch.device
) -> tuple[float, dict[str, float]]:
    """Trains with one seed: seconds, and the use of codes in the training split."""
    engine = Engine(device=device.type)
    work = partial(
        train_tokenizer,
        recipe,
        data,
        run,
        precision=Precision(),
        limit=TrainingLimit(steps=steps),
        seed=seed,
        engine=engine,
        loggers=Loggers(),
        stop_request=StopRequest(),
    )
    return seconds(work, device), use(run, data, engine)


@torch.inference_mode()
def use(run: RunDirectory, data: RunData, engine: Engine) -> dict[str, float]:
    """Use of the best weights' codebook over the training split, and their SSIM of the validation split."""
    tokenizer, header = load_tokenizer(run.tokenizer.best)
    coder = Coder(tokenizer, precision=header.precision, device=engine.device)
    usage = CodeUsage(tokenizer.codebook_sizes[0])
    dataset = data.dataset("train")
    for rows in np.array_split(np.arange(len(dataset)), -(-len(dataset) // BATCH)):
        (codes,) = coder.encode(dataset.batch(rows, engine.device)[0])
        usage.add(codes)
    return numbers_of(usage) | {"validation SSIM": best_ssim(read_json(run.tokenizer.history)["history"])}


def numbers_of(usage: CodeUsage) -> dict[str, float]:
    found = usage.summary()
    return {USED: 100 * found["used"] / found["size"], "perplexity": found["perplexity"]}


def best_ssim(history: Sequence[Mapping[str, Any]]) -> float:
    """Of the weights that a run keeps."""
    return max(float(one["ssim"]) for one in history if one["split"] == "validation")


def over_seeds(case: str, candidate: str, rows: Sequence[Row]) -> Row:
    """All seeds of a candidate as one row: the worst of them, and how many miss what is wanted."""
    numbers = [row.numbers[candidate] for row in rows]
    shares = [float(one[USED] or 0) for one in numbers]
    return Row(
        case=case,
        seconds={candidate: [second for row in rows for second in row.seconds[candidate]]},
        facts={
            "fewest codes in use, %": min(shares),
            "median of codes in use, %": statistics.median(shares),
            "lowest perplexity": min(float(one["perplexity"] or 0) for one in numbers),
            f"seeds below {WANTED:.0f} %": float(sum(share < WANTED for share in shares)),
        },
        notes=f"wanted: no seed below {WANTED:.0f} %",
    )
