from __future__ import annotations

import shlex

from scanvq.report.labels import label_of, look_at
from scanvq.report.numbers import comparisons, environment_facts, number, repeat_command, source_facts


def test_numbers_as_a_reader_wants_them() -> None:
    assert [number(value) for value in (None, 3, 298.0, 259393, 0.048428, 0.94217, 0.0)] == [
        "",
        "3",
        "298",
        "259,393",
        "0.04843",
        "0.9422",
        "0",
    ]


def test_reported_numbers_stand_beside_ours(metrics: dict) -> None:
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
    assert [(one.name, one.reported, one.ours) for one in found] == [
        ("ssim", "0.67", "0.71"),
        ("training loss", "0.3", "0.25"),
        ("parameters", "3,000", "3,000"),
        ("unknown", "1", ""),
    ]


def test_without_scores_reported_numbers_stay() -> None:
    (one,) = comparisons({"ssim": 0.67}, metrics=None, histories={}, parameters={})
    assert (one.reported, one.ours) == ("0.67", "")


def test_the_command_repeats_the_run() -> None:
    settings = {"folder": "my scans", "budget": 240.0, "epochs": None, "seed": 3, "skip_bad": True}
    assert shlex.split(repeat_command(settings, recipe="runs/first/recipe.toml")) == [
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


def test_facts_in_words() -> None:
    facts = environment_facts({"python": "3.11", "packages": {"torch": "2.4"}, "memory_gb": 23.5})
    assert facts == {"Python": "3.11", "torch": "2.4", "memory (GB)": "23.5"}
    source = {"papers": ["a", "b"], "image_size": [256, 128], "assumed": ["nothing"]}
    assert source_facts(source) == {"papers": "a, b", "image size": "256x128"}


def test_words_for_numbers_of_a_level_and_for_unknown_ones() -> None:
    assert label_of("perplexity_1") == "perplexity, level 1"
    assert "higher" in look_at("perplexity_1")
    assert (label_of("new_loss_2"), look_at("new_loss_2")) == ("new loss 2", "")
