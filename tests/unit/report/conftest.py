"""A run's material made of random pictures: nothing is trained, every section has something to show."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scanvq.report.figures.all import Figures, all_figures
from scanvq.report.material import Comparison, Completed, DataFacts, Example, Generated, Material, Rebuilt

K = 16


def images(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((count, 24, 16), dtype=np.float32)


def grid(seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, K, (6, 4))


def rebuilt(rank: str = "") -> Rebuilt:
    original, reconstruction = images(2)
    return Rebuilt(
        image=original,
        name="scan_7.png",
        codes=(grid(),),
        reconstruction=reconstruction,
        ssim=0.71,
        rank=rank,
    )


def records() -> list[dict[str, Any]]:
    training = [
        {"step": s, "epoch": s / 10, "seconds": s / 2, "split": "train", "loss": 1 / (1 + s), "ssim": s / 50}
        for s in range(50)
    ]
    validation = [{**training[s], "split": "validation"} for s in range(9, 50, 10)]
    return training + validation


def spread_of(mean: float) -> dict[str, float]:
    return {"mean": mean, "std": 0.05, "p05": mean - 0.1, "median": mean, "p95": mean + 0.1, "above_0.6": 0.9}


@pytest.fixture(scope="session")
def bare() -> Material:
    """A run of which only the settings are left."""
    return Material(title="tiny", summary="The smallest", run="first", command="", recipe='name = "tiny"')


@pytest.fixture(scope="session")
def full(bare: Material) -> Material:
    test = {name: spread_of(value) for name, value in (("ssim", 0.8), ("ssim_foreground", 0.7))}
    metrics = {
        "tokenizer": {
            "test": {"n": 40, **test, "psnr": spread_of(25.0), "mae": spread_of(0.03)},
            "bits_per_pixel": 0.25,
            "codebook": [{"size": K, "used": 12, "perplexity": 9.5}],
        },
        "prior": {"test": {"n": 40, "bits_per_code": 2.5, "bits_per_pixel": 0.16}},
        "cost": {
            stage: {"seconds": 90.0, "images_per_second": 200.0, "peak_memory_mb": 512.0}
            for stage in ("tokenizer", "prior")
        },
    }
    moments = [(step, (255 * images(4, step)).astype(np.uint8)) for step in (10, 500)]
    completed = Completed(image=images(1)[0], name="scan_3.png", given=images(1)[0], completions=images(3))
    return replace(
        bare,
        command="scanvq fit scans --recipe tiny",
        missing=("Something: do this.",),
        data=DataFacts(
            folder="scans",
            layout="flat",
            splits=(("train", 10, 1234), ("validation", 2, 20), ("test", 2, 40)),
            labels=("AD", "NC"),
            size=(24, 16),
            notes=("A scan id is not a patient id.",),
            skipped=(("broken.png", "it ends too early"),),
        ),
        examples={"test": [Example(image=image, name="scan.png") for image in images(3)]},
        metrics=metrics,
        ssim=np.random.default_rng(0).uniform(0.5, 0.9, 40),
        usage=(np.arange(K),),
        histories={"tokenizer": records(), "prior": records()},
        rebuilt=(rebuilt(),),
        ranked=(rebuilt("best"), rebuilt("worst")),
        codebook_sizes=(K,),
        generated=(
            Generated(label="AD", images=images(2), codes=(np.stack([grid(), grid(1)]),), real=images(2)),
        ),
        completed=(completed,),
        progress={"tokenizer": moments, "prior": moments},
        source={"paper": "A paper"},
        assumed=("Batch size is 8.",),
        comparisons=(Comparison(name="ssim", reported="0.942", ours="0.8"),),
        parameters={"tokenizer": {"encoder": 1000, "decoder": 2345}},
        environment={"Python": "3.11"},
    )


@pytest.fixture(scope="session")
def figures(full: Material) -> Figures:
    return all_figures(full)
