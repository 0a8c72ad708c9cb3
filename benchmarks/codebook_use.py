"""How much of its codebook does the planned tokenizer use after training? Twenty seeds on synthetic brains.

The tokenizer is the one that `scanvq plan` chooses for the cohort, its 512 codes, quantizer, losses and
learning rate unchanged. Images are scaled down, the batch is another and the steps are few, as each row
says, so that all seeds take minutes on one thread; the seed is of weights, order and augmentation, the split
stays. The weights are those of the best validation, which a run keeps.

Columns: seconds of training with its validations; codes that occur at all in the training split, in % of the
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
from scanvq.data.demo import write_demo
from scanvq.files import read_json
from scanvq.metrics.code_usage import CodeUsage
from scanvq.plan.make import make_plan
from scanvq.recipe import Recipe
from scanvq.storage.run_directory import RunDirectory
from scanvq.training.engine import Engine
from scanvq.training.history import Watchers
from scanvq.training.interrupt import StopRequest
from scanvq.training.limit import Limit
from scanvq.training.stages.data import RunData, prepare_data
from scanvq.training.stages.tokenizer import load_tokenizer, train_tokenizer

SEEDS, SUBJECTS, SLICES, SIDE, BATCH, STEPS = 20, 40, 8, 64, 16, 400
WANTED = 80.0  # percent of the codebook
CANDIDATE, USED = "planned", "codes in use, %"


def rows(setup: Setup) -> Iterator[Row]:
    """A row for each seed, then one over all of them."""
    seeds, subjects, slices, side, steps = (
        (2, 12, 2, 16, 2) if setup.short else (SEEDS, SUBJECTS, SLICES, SIDE, STEPS)
    )
    with tempfile.TemporaryDirectory() as scratch:
        scans = setup.scans or Path(scratch) / "scans"
        if setup.scans is None:
            write_demo(scans, subjects=subjects, slices=slices)
        recipe = planned(scans, side, setup.device)
        data = prepare_data(
            scans,
            recipe.data,
            recipe.preparation,
            multiple=4,
            seed=0,
            allow_leak=True,  # the same few templates make many synthetic heads
            cache=Path(scratch) / "cache",
        )
        found = []
        for seed in range(seeds):
            run = RunDirectory(Path(scratch) / f"seed-{seed}")
            found.append(trained(recipe, data, run, steps=steps, seed=seed, device=setup.device))
            yield found[-1]
    amount = f"{len(data.rows('train'))} images of {side}x{side}, batch {BATCH}, {steps} steps"
    yield over_seeds(f"{seeds} seeds, {amount}", found)


def planned(scans: Path, side: int, device: torch.device) -> Recipe:
    """The plan's recipe for these scans, with small images and the batch of this table."""
    small = [
        f"preparation.size=[{side},{side}]",
        "preparation.fit=resize",
        f"training.tokenizer.batch_size={BATCH}",
    ]
    return make_plan(scans, overrides=small, device=device, rehearsed=False).recipe


def trained(
    recipe: Recipe, data: RunData, run: RunDirectory, *, steps: int, seed: int, device: torch.device
) -> Row:
    """Trains with one seed and counts the codes of the training split."""
    engine = Engine(device=device.type)
    work = partial(
        train_tokenizer,
        recipe,
        data,
        run,
        limit=Limit(steps=steps),
        seed=seed,
        engine=engine,
        watchers=Watchers(),
        request=StopRequest(),
    )
    took = seconds(work, device)
    return Row(case=f"seed {seed}", seconds={CANDIDATE: [took]}, numbers={CANDIDATE: use(run, data, engine)})


@torch.inference_mode()
def use(run: RunDirectory, data: RunData, engine: Engine) -> dict[str, float]:
    """Use of the best weights' codebook over the training split, and their SSIM of the validation split."""
    tokenizer, _ = load_tokenizer(run.tokenizer.best)
    tokenizer.to(engine.device)
    usage = CodeUsage(tokenizer.codebook_sizes[0])
    dataset = data.dataset("train")
    for rows in np.array_split(np.arange(len(dataset)), -(-len(dataset) // BATCH)):
        (codes,) = tokenizer.encode(dataset.batch(rows, engine.device)[0])
        usage.add(codes)
    return numbers_of(usage) | {"validation SSIM": best_ssim(read_json(run.tokenizer.history)["history"])}


def numbers_of(usage: CodeUsage) -> dict[str, float]:
    found = usage.summary()
    return {USED: 100 * found["used"] / found["size"], "perplexity": found["perplexity"]}


def best_ssim(history: Sequence[Mapping[str, Any]]) -> float:
    """Of the weights that a run keeps."""
    return max(float(one["ssim"]) for one in history if one["split"] == "validation")


def over_seeds(case: str, rows: Sequence[Row]) -> Row:
    """All seeds as one row: the worst of them, and how many miss what is wanted."""
    numbers = [row.numbers[CANDIDATE] for row in rows]
    shares = [float(one[USED] or 0) for one in numbers]
    return Row(
        case=case,
        seconds={CANDIDATE: [second for row in rows for second in row.seconds[CANDIDATE]]},
        facts={
            "fewest codes in use, %": min(shares),
            "median of codes in use, %": statistics.median(shares),
            "lowest perplexity": min(float(one["perplexity"] or 0) for one in numbers),
            f"seeds below {WANTED:.0f} %": float(sum(share < WANTED for share in shares)),
        },
        notes=f"wanted: no seed below {WANTED:.0f} %",
    )
