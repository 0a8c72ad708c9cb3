from __future__ import annotations

import shlex

from scanvq.report.labels import description_of, label_of
from scanvq.report.numbers import comparisons, environment_facts, number, reproduce_command, source_facts


def test_numbers_as_text() -> None:
    assert [number(value) for value in (None, 3, 298.0, 259393, 0.048428, 0.94217, 0.0)] == [
        "",
        "3",
        "298",
        "259,393",
        "0.04843",
        "0.9422",
        "0",
    ]


def test_reported_numbers_with_ours(metrics: dict) -> None:
    found = comparisons(
        {"ssim": 0.67, "training_loss": 0.3, "parameters": 3000, "unknown": 1, "note": "Of one batch."},
        metrics=metrics,
        histories={
            "tokenizer": [
                {"step": 1, "split": "train", "loss": 0.5},
                {"step": 2, "split": "train", "loss": 0.25},
            ]
        },
        parameters={"tokenizer": {"encoder": 1000, "decoder": 2000}},
    )
    assert [(row.name, row.reported, row.ours) for row in found] == [
        ("ssim", "0.67", "0.71"),
        ("training loss", "0.3", "0.25"),
        ("parameters", "3,000", "3,000"),
        ("unknown", "1", ""),
    ]


def test_every_score_of_a_run_can_be_reported(metrics: dict) -> None:
    names = ("test_ssim", "above_0.6", "ssim_foreground_above_0.6", "psnr", "mae")
    found = comparisons(dict.fromkeys(names, 1.5), metrics=metrics, histories={}, parameters={})
    assert [row.ours for row in found] == ["0.71", "0.875", "0.875", "0.71", "0.71"]
    older = {name: values for name, values in metrics["tokenizer"]["test"].items() if name != "mae"}
    metrics = {**metrics, "tokenizer": metrics["tokenizer"] | {"test": older}}
    (row,) = comparisons({"mae": 0.1}, metrics=metrics, histories={}, parameters={})
    assert row.ours == ""


def test_rates_of_a_run_can_be_reported(metrics: dict) -> None:
    rate = {"raw": {"value": 0.5}, "entropy": {"value": 0.4}, "prior": {"value": None, "refused": "x"}}
    names = ("bits_per_pixel", "entropy_bits_per_pixel", "prior_bits_per_pixel")
    found = comparisons(
        dict.fromkeys(names, 1.5), metrics={**metrics, "rate": rate}, histories={}, parameters={}
    )
    assert [row.ours for row in found] == ["0.1875", "0.4", ""]


def test_without_scores_reported_numbers_stay() -> None:
    (row,) = comparisons({"ssim": 0.67}, metrics=None, histories={}, parameters={})
    assert (row.reported, row.ours) == ("0.67", "")


def test_the_command_reproduces_the_run() -> None:
    settings = {"folder": "my scans", "budget": 240.0, "epochs": None, "seed": 3, "skip_bad": True}
    assert shlex.split(reproduce_command(settings, recipe="runs/first/recipe.toml")) == [
        "scanvq",
        "fit",
        "my scans",
        "--recipe",
        "runs/first/recipe.toml",
        "--out",
        "again",
        "--budget",
        "240s",
        "--seed",
        "3",
        "--skip-bad",
    ]


def test_facts_as_text() -> None:
    facts = environment_facts({"python": "3.11", "packages": {"torch": "2.4"}, "memory_gb": 23.5})
    assert facts == {"Python": "3.11", "torch": "2.4", "memory (GB)": "23.5"}
    source = {"papers": ["a", "b"], "image_size": [256, 128], "assumed": ["nothing"]}
    assert source_facts(source) == {"papers": "a, b", "image size": "256x128"}


def test_labels_of_levels_and_of_unknown_numbers() -> None:
    assert label_of("perplexity_1") == "perplexity, level 1"
    assert "higher" in description_of("perplexity_1")
    assert (label_of("new_loss_2"), description_of("new_loss_2")) == ("new loss 2", "")
