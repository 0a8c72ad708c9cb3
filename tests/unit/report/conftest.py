"""Small and complete report data, without a run."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.report.report_data import (
    Comparison,
    DataFacts,
    ExampleImage,
    GeneratedImages,
    InpaintedImage,
    ModelFacts,
    NearestPair,
    ReconstructedImage,
    ReportData,
)

HEIGHT, WIDTH, K = 16, 24, 8


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((HEIGHT, WIDTH), dtype=np.float32)


def grid(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, K, (4, 6))


def records(*names: str) -> list[dict[str, float | str]]:
    """Ten epochs of two records of training and one of validation."""
    return [
        {"step": 10 * n, "epoch": n / 2, "seconds": float(n), "split": split}
        | {name: 1.0 / n + shift for shift, name in enumerate(names)}
        for n in range(1, 21)
        for split in (["train", "validation"] if n % 2 == 0 else ["train"])
    ]


def scores(*, above: bool = False) -> dict[str, float]:
    found = {"mean": 0.71, "std": 0.1, "p05": 0.5, "median": 0.72, "p95": 0.9}
    return found | {"above_0.6": 0.875} if above else found


def comparison(auc: float, *, low: float = 0.9) -> dict:
    refused = {"value": None, "low": None, "high": None, "floor": 1.0, "bad": {"blurred": 9.0}}
    return {
        "n": 8,
        "auc": {"network": {"value": auc, "low": low, "high": 0.99, "floor": 0.52, "bad": {"blurred": 0.97}}},
        "frechet": {"network": {**refused, "refused": "TooFewSubjects: too few"}},
        "source": {"images": "samples of the run, seed 0", "count": 8, "model": "prior-id"},
    }


@pytest.fixture(scope="session")
def metrics() -> dict:
    return {
        "tokenizer": {
            "test": {
                "n": 8,
                "ssim": scores(above=True),
                "ssim_foreground": scores(above=True),
                "psnr": scores(),
                "mae": scores(),
            },
            "bits_per_pixel": 0.1875,
            "codebook": [{"size": K, "used": 6, "perplexity": 5.1}],
        },
        "prior": {"test": {"n": 8, "bits_per_code": 1.5, "bits_per_pixel": 0.09}},
        "samples": {
            "samples_vs_reconstructions": comparison(0.9),
            "reconstructions_vs_reals": comparison(0.6, low=0.5)
            | {"band_error": {"1": {"value": 0.1, "low": 0.05, "high": 0.2, "floor": 0.0, "bad": {}}}},
            "samples_vs_reals": comparison(0.95),
        },
        "cost": {"tokenizer": {"seconds": 60.0, "images_per_second": 12.5, "peak_memory_mb": 100.0}},
    }


@pytest.fixture(scope="session")
def reconstructed() -> ReconstructedImage:
    return ReconstructedImage(
        image=picture(), name="one.png", codes=(grid(),), reconstruction=picture(1), ssim=0.5, rank="worst"
    )


@pytest.fixture(scope="session")
def report_data(metrics: dict, reconstructed: ReconstructedImage) -> ReportData:
    completions = np.stack([picture(2), picture(3)])
    return ReportData(
        title="by hand",
        summary="Made <b>by</b> hand",
        run="first",
        command="scanvq fit scans --recipe recipe.toml --out again --seed 0",
        original_command="scanvq fit scans --recipe tiny --out first",
        recipe='name = "by hand"\n',
        data=DataFacts(
            folder="scans & more",
            layout="flat",
            splits=(("train", 10, 20), ("validation", 2, 4), ("test", 2, 4)),
            labels=("AD", "NC"),
            size=(HEIGHT, WIDTH),
            notes=("A scan is not a patient.",),
            skipped=(("<img src=x onerror=alert(1)>.png", "truncated"),),
        ),
        examples={"train": [ExampleImage(image=picture(), name="two.png")]},
        metrics=metrics,
        audit={
            "rate": {"value": 0.5, "low": 0.01, "high": 0.99},
            "samples": [
                {"file": "image_000.png", "nearest": "near.png", "p": 0.01, "copy": True},
                {"file": "image_001.png", "nearest": "far.png", "p": 0.6, "copy": False},
            ],
        },
        model=ModelFacts(
            tokenizer="vqvae",
            prior="gated_pixelcnn",
            codebook_sizes=(K,),
            code_shapes=((4, 6),),
            id="tokenizer-id",
            content="prior-id",
        ),
        created=np.stack([picture(4), picture(5)]),
        nearest=(NearestPair(created=picture(4), nearest=picture(7), name="near.png", p=0.01, copy=True),),
        ssim=np.array([0.5, 0.62, 0.7, 0.71, 0.75, 0.8, 0.8, 0.81]),
        usage=(np.array([5, 4, 3, 2, 1, 1, 0, 0]),),
        histories={"tokenizer": records("loss", "ssim", "perplexity"), "prior": records("bits_per_code")},
        reconstructions=(reconstructed,),
        ranked=(reconstructed,),
        codebook_sizes=(K,),
        generated=(
            GeneratedImages(
                label="AD",
                images=np.stack([picture(4), picture(5)]),
                codes=(np.stack([grid(4), grid(5)]),),
                real=np.stack([picture(6)]),
            ),
        ),
        inpainted=(
            InpaintedImage(image=picture(), name="one.png", given=picture(), completions=completions),
        ),
        progress={
            "tokenizer": [(10, np.zeros((4, HEIGHT, WIDTH), np.uint8))],
            "prior": [(20, np.zeros((3, HEIGHT, WIDTH), np.uint8))],
        },
        source={"report": "a report"},
        assumed=("The codebook has 8 codes.",),
        comparisons=(Comparison(name="ssim", reported="0.67", ours="0.71"),),
        expect_note="Of one batch.",
        parameters={"tokenizer": {"encoder": 1000, "decoder": 2000}},
        environment={"Python": "3.11", "torch": "2.4"},
    )


@pytest.fixture(scope="session")
def bare() -> ReportData:
    """The report data of a run before evaluation."""
    return ReportData(
        title="bare",
        summary="",
        run="first",
        command="",
        recipe="",
        missing=("Scores of the test images: run `scanvq evaluate first` first.",),
    )
