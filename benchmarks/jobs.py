"""Whole jobs: training to a given SSIM, sampling 64 images, preparing 10,000 slices.

Training is `fit` with the demo's recipe on synthetic brains (or on a folder given by `--scans`); the time
to an SSIM of unseen subjects is read from the run's history, so it includes validation. Preparation is of
gzipped 2-D NIfTI slices; its floor is to read and decompress the same files on as many threads. Loading is
the share of a training step of report 000's network that is spent on making a batch.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.growth import write_slices
from benchmarks.measuring import seconds, turns
from benchmarks.record import Row, Setup
from benchmarks.training_step import ours
from scanvq import fit
from scanvq.cohort.catalog_reader import read_catalog
from scanvq.imaging.geometry import Geometry
from scanvq.imaging.intensity import Intensity
from scanvq.nn.precision import Precision
from scanvq.recipe.recipe import read_recipe
from scanvq.storage.files import read_json
from scanvq.store.dataset import SliceDataset
from scanvq.store.store import Store, prepare_store
from scanvq.synthetic import write_demo
from scanvq.training.batch_sampler import DeterministicBatchSampler
from scanvq.training.batch_sources import ImageSource

AIMS = (0.8, 0.9)
PREPARE, UNPACK = "scanvq", "floor: read and gunzip"
LOAD, STEP = "loading", "training step"
STEP_RECIPE, BATCH = "hipmri-vqvae2-as-printed", 16


def rows(setup: Setup) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as scratch:
        yield from _prepare(Path(scratch) / "preparing", setup)
        yield from _train_and_sample(Path(scratch) / "training", setup)


def _train_and_sample(scratch: Path, setup: Setup) -> list[Row]:
    scans = setup.scans
    if scans is None:
        scans = scratch / "scans"
        subjects, slices = (12, 2) if setup.short else (300, 8)
        write_demo(scans, subjects=subjects, slices=slices)
    short = ["preparation.size=[16,16]"] if setup.short else []
    limit = {"epochs": 1} if setup.short else {"budget": "6m"}
    run = fit(
        scans,
        out=scratch / "run",
        recipe="demo",
        allow_leak=True,  # the same few templates make many synthetic heads, and only time is of interest
        overrides=["training.tokenizer.budget_share=0.8", "training.prior.budget_share=0.2", *short],
        device=setup.device.type,
        cache=scratch / "cache",
        **limit,
    )
    assert run is not None
    history = read_json(run.directory.tokenizer.history)["history"]
    validated = [(one["seconds"], one["ssim"]) for one in history if one["split"] == "validation"]
    reached = {
        f"validation SSIM {aim}": [next((when for when, ssim in validated if ssim >= aim), None)]
        for aim in AIMS
    }
    count = 2 if setup.short else 64
    work = {f"sample -n {count}": lambda: run.sample(count)}
    return [
        Row(
            case="fit, recipe demo",
            seconds={name: [when for when in times if when is not None] for name, times in reached.items()},
            facts={
                "best validation SSIM": max(ssim for _, ssim in validated),
                "slices": len(read_json(run.directory.data)["entries"]),
            },
            notes="the learning rate decays to the end of the whole budget",
        ),
        Row(
            case="sample, recipe demo",
            seconds=turns(work, repeats=2 if setup.short else 3, device=setup.device),
        ),
    ]


def _prepare(scratch: Path, setup: Setup) -> list[Row]:
    amount, height, width = (20, 16, 16) if setup.short else (10_000, 256, 128)
    folder = scratch / "scans"
    write_slices(folder, amount, height=height, width=width)
    geometry = Geometry(height=height, width=width)
    files = sorted(folder.iterdir())
    stores: list[Store] = []

    def prepare() -> None:
        cache = scratch / f"cache-{len(stores)}"
        stores.append(prepare_store(read_catalog(folder), geometry=geometry, cache=cache))

    def unpack() -> None:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(lambda path: zlib.decompress(path.read_bytes(), wbits=31), files):
                pass

    measured = turns(
        {PREPARE: prepare, UNPACK: unpack}, repeats=2, device=torch.device("cpu"), warm=setup.short
    )
    row = Row(
        case=f"prepare {amount:,} NIfTI slices of {height}x{width}",
        seconds=measured,
        ours=PREPARE,
        notes="wanted: 1,000 slices a second, or no slower than the floor allows",
    )
    rates = {name: {"slices/s": amount / row.median(name)} for name in measured}
    return [replace(row, numbers=rates), _loading(stores[-1], setup)]


def _loading(store: Store, setup: Setup) -> Row:
    """A batch from the prepared store, and the step that it is for, in turns."""
    source = ImageSource(
        SliceDataset(store, np.arange(len(store)), Intensity(kind="full", low=0.0, high=1000.0)),
        flip=True,
    )
    order = DeterministicBatchSampler(samples=len(source), batch_size=min(BATCH, len(source)), seed=0)
    images = source.batch(order.indices(0), order.augmentation_uniforms(0), setup.device).images
    step = ours(read_recipe(STEP_RECIPE), images, Precision(autocast="bf16", channels_last=True))
    order.indices(order.steps_per_epoch - 1)
    step()
    measured: dict[str, list[float]] = {LOAD: [], STEP: []}
    for number in range(2 if setup.short else 30):

        def load(number: int = number) -> object:
            return source.batch(order.indices(number), order.augmentation_uniforms(number), setup.device)

        measured[LOAD].append(seconds(load, setup.device))
        measured[STEP].append(seconds(step, setup.device))
    row = Row(case=f"loading beside a training step, {STEP_RECIPE}, batch {BATCH}", seconds=measured)
    share = row.median(LOAD) / (row.median(LOAD) + row.median(STEP))
    return replace(row, facts={"share of loading, %": 100 * share}, notes="wanted: below 3 %")
