"""Memorization of five priors: how many of their samples are copies, by patients and epochs.

Every prior is trained on the codes of 25, 100 and all training patients of one run, whose tokenizer stays as
it is, with the same number of steps of 8 images; so fewer patients are seen more often. At three of the
steps, written as epochs, 96 samples at temperature 1 are decoded and audited beside the patients that were
trained on, at a false-alarm rate of .01 where there are 99 held-out people, else .05.

Columns: seconds of training; copies in % with the 95 % interval; side of the largest block of codes in common
with a training scan, and the same of held-out people; share of a sample's rare codes from one patient; chance
that training people are nearer than as many held-out ones (.5 without memorization); bits of a code,
by the likelihood of 64 images or, of the masked prior, the cross-entropy over masked codes.

`--scans` takes a run, best with few codes an image, as of a plan with `--detail coarse`.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.planted_copies import opened
from benchmarks.record import Row, Setup
from scanvq.audit.audit_images import audit_images
from scanvq.audit.auditor import Auditor
from scanvq.audit.image_index import ImageIndex
from scanvq.audit.prepare import Prepared, prepare
from scanvq.audit.scans import Scans
from scanvq.build import TABLES, make_objective, make_prior
from scanvq.conditions.space import ConditionSpace
from scanvq.model.model import Model
from scanvq.model.score import bits_of
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.spec import complete_part
from scanvq.storage.run_directory import RunDirectory
from scanvq.training.datasets import CodeDataset
from scanvq.types import UNKNOWN, CodePrior, Codes, Objective, SamplingParams

BATCH, SCORED = 8, 64
PATIENTS = (25, 100, 788)
SNAPSHOTS = (120, 360, 1080)  # steps
SAMPLES = 96
PRIORS: dict[str, tuple[dict[str, Any], str, float]] = {  # spec, objective, learning rate
    "PixelCNN": (
        {
            "kind": "pixelcnn",
            "channels": 96,
            "hidden": 32,
            "kernel": 5,
            "codes_in": "embedded",
            "embedding_dim": 32,
            "positions": True,
        },
        "next_code",
        1e-3,
    ),
    "gated PixelCNN": (
        {
            "kind": "gated_pixelcnn",
            "channels": 48,
            "dilations": (1, 2, 1, 4),
            "embedding_dim": 32,
            "positions": True,
        },
        "next_code",
        1e-3,
    ),
    "transformer": ({"kind": "transformer", "layers": 2, "channels": 128, "heads": 4}, "next_code", 1e-3),
    "masked": (
        {"kind": "maskgit", "layers": 2, "channels": 128, "heads": 4, "dropout": 0.0},
        "masked_codes",
        1e-3,
    ),
    "GAN": ({"kind": "latent_gan", "channels": 32}, "adversarial_codes", 2e-4),
}
COPIES = "copies, %"


def rows(setup: Setup) -> Iterator[Row]:
    """A row for each prior and number of patients, a candidate for each snapshot."""
    with tempfile.TemporaryDirectory() as scratch:
        run = opened(setup, Path(scratch))
        cache = Path(scratch) / "cache" if run_is_made(setup) else None
        model = Model.load(run, device=setup.device.type)
        prepared = prepare(model, RunDirectory(run), "decoded", cache=cache, progress_for=_quiet)
        whole = prepared.auditor.training
        for patients in (3, 6) if setup.short else PATIENTS:
            few = subset(prepared, model, patients)
            for name in PRIORS:
                yield trained(name, few, model, setup)
            if patients >= len(np.unique(whole.people)):
                break


def run_is_made(setup: Setup) -> bool:
    return setup.scans is None or not (setup.scans / "recipe.toml").is_file()


def subset(prepared: Prepared, model: Model, patients: int) -> Prepared:
    """The audit of so many training patients, with what is new to them."""
    whole, held_out = prepared.auditor.training, prepared.auditor.held_out
    chosen = np.random.default_rng(0).permutation(np.unique(whole.people))[:patients]
    rows = np.flatnonzero(np.isin(whole.people, chosen))
    training = part_of(whole, rows)
    index = ImageIndex.build(training, held_out)
    auditor = Auditor(training, held_out, index, codebook_size=model.tokenizer.codebook_sizes[0])
    images = model.coder.decode(_tensors(held_out))[:, 0].numpy()
    evidence = auditor.held_out_evidence(images)
    return Prepared(auditor=auditor, held_out=evidence, key=f"{patients} patients")


def part_of(scans: Scans, rows: NDArray[np.int64]) -> Scans:
    return replace(
        scans,
        read=lambda indices: scans.read(rows[indices]),
        people=scans.people[rows],
        files=tuple(scans.files[row] for row in rows),
        subjects=tuple(scans.subjects[row] for row in rows),
        levels=tuple(level[rows] for level in scans.levels),
        mirrored=None,
    )


def trained(name: str, few: Prepared, model: Model, setup: Setup) -> Row:
    """Trains one prior and audits its samples at every snapshot."""
    spec, objective_kind, rate = PRIORS[name]
    torch.manual_seed(0)
    prior = make_prior(
        complete_part(CodePrior, small(spec) if setup.short else spec, where="prior", tables=TABLES),
        codebook_sizes=model.tokenizer.codebook_sizes,
        code_shapes=model.code_shapes,
        code_dims=model.tokenizer.code_dims,
        conditions=ConditionSpace(),
    ).to(setup.device)
    prior.set_codebook(model.tokenizer.codebooks())
    objective = make_objective(
        complete_part(Objective, {"kind": objective_kind}, where="objective", tables=TABLES), prior=prior
    )
    training = few.auditor.training
    dataset, random = CodeDataset(training.levels), np.random.default_rng(0)
    betas = (0.5, 0.999) if name == "GAN" else (0.9, 0.95)
    optimizers = {
        player: torch.optim.AdamW(list(weights), rate, betas=betas)
        for player, weights in objective.players.items()
    }
    times: dict[str, list[float]] = {}
    numbers: dict[str, dict[str, float | None]] = {}
    seconds, last = 0.0, 0
    for snapshot in (1, 2, 3) if setup.short else SNAPSHOTS:
        begun = time.perf_counter()
        objective.train()
        for step in range(last, snapshot):
            chosen = np.sort(random.integers(0, len(training), BATCH))
            batch = dataset.batch(chosen, np.ones(BATCH), setup.device)
            for player, optimizer in optimizers.items():
                optimizer.zero_grad(set_to_none=True)
                objective(batch, player, step).total.backward()
                torch.nn.utils.clip_grad_norm_(
                    [weight for group in optimizer.param_groups for weight in group["params"]], 1.0
                )
                optimizer.step()
        seconds, last = seconds + time.perf_counter() - begun, snapshot
        epoch = f"epoch {snapshot * BATCH / len(training):.3g}"
        times[epoch] = [seconds]
        numbers[epoch] = audited(prior, objective, few, model, setup)
    people = len(np.unique(training.people))
    shape = "x".join(map(str, model.code_shapes[0]))
    return Row(case=f"{name}, {people} patients, {shape} codes", seconds=times, numbers=numbers)


@torch.no_grad()
def audited(
    prior: HierarchicalPrior, objective: Objective, few: Prepared, model: Model, setup: Setup
) -> dict[str, float | None]:
    """The audit of new samples, and bits of a code."""
    objective.eval()
    count = 4 if setup.short else SAMPLES
    known = tuple(torch.full((count, *shape), UNKNOWN, device=setup.device) for shape in model.code_shapes)
    generator = torch.Generator(setup.device).manual_seed(0)
    codes = tuple(level.cpu() for level in prior.sample(known, params=SamplingParams(), generator=generator))
    images = model.coder.decode(codes)[:, 0].numpy()
    found = audit_images(
        few, images, codes[0].numpy(), [str(number) for number in range(count)], origin="", keep=_ignore
    )
    rate = {name: _percent(found["rate"][name]) for name in ("value", "low", "high")}
    return {
        COPIES: rate["value"],
        "low": rate["low"],
        "high": rate["high"],
        "largest block": found["longest_block"]["mean"],
        "of held-out people": found["longest_block"]["held_out_mean"],
        "one patient's share, %": _percent(found["largest_share"]["mean"]),
        "nearer to training": found.get("nearer_to_training", {}).get("value"),
        "training bits": bits(prior, objective, few.auditor.training, setup.device),
        "held-out bits": bits(prior, objective, few.auditor.held_out, setup.device),
    }


def bits(prior: HierarchicalPrior, objective: Objective, scans: Scans, device: torch.device) -> float | None:
    """Bits of a code of at most 64 images; None for a GAN."""
    rows = np.linspace(0, len(scans) - 1, min(SCORED, len(scans))).astype(np.int64)
    codes: Codes = tuple(level[rows].to(device) for level in _tensors(scans))
    if prior.has_likelihood:
        cells = sum(level[0].numel() for level in codes)
        return float(bits_of(prior, codes, condition=None, device=device).mean()) / cells
    if objective.criterion is None:
        return None
    dataset = CodeDataset(scans.levels)
    losses: list[Tensor] = []
    for part in np.array_split(rows, -(-len(rows) // BATCH)):
        batch = dataset.batch(part, np.ones(len(part)), device)
        losses.append(objective(batch, next(iter(objective.players)), 0).total)
    return float(torch.stack(losses).mean()) / math.log(2)


def small(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The same kind of prior with few weights."""
    tiny: dict[str, Any] = {"channels": 8, "hidden": 4, "layers": 1, "heads": 2, "dilations": (1,)}
    return {name: tiny.get(name, value) for name, value in spec.items()}


def _tensors(scans: Scans) -> Codes:
    return tuple(torch.from_numpy(level.astype(np.int64)) for level in scans.levels)


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _quiet(name: str) -> Any:
    return lambda done, total: None


def _ignore(found: dict[str, Any]) -> None:
    """Nothing is kept of an audit but its numbers."""
