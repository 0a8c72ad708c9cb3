"""What the table of codebook use counts, and what it says over all seeds."""

import pytest
import torch

from benchmarks.codebook_use import CANDIDATES, USED, best_ssim, numbers_of, over_seeds, planned
from benchmarks.record import Row
from scanvq.metrics.code_usage import CodeUsage
from scanvq.synthetic import write_demo


def row(share, perplexity, second):
    ours, other = ({USED: one, "perplexity": perplexity, "validation SSIM": 0.5} for one in (share, 0.0))
    return Row(case="seed", seconds={"a": [second], "b": [9.0]}, numbers={"a": ours, "b": other})


def test_use_is_the_share_of_codes_that_occur():
    usage = CodeUsage(8)
    usage.add(torch.tensor([[0, 3], [3, 0]]))
    assert numbers_of(usage) == {USED: 25.0, "perplexity": pytest.approx(2.0)}


def test_all_seeds_are_judged_by_the_worst():
    found = over_seeds("three", "a", [row(99.0, 200.0, 1.0), row(79.9, 100.0, 2.0), row(80.0, 300.0, 3.0)])
    assert found.seconds == {"a": [1.0, 2.0, 3.0]}
    assert found.facts == {
        "fewest codes in use, %": 79.9,
        "median of codes in use, %": 80.0,
        "lowest perplexity": 100.0,
        "seeds below 80 %": 1.0,
    }


def test_kept_weights_are_those_of_the_best_validation():
    history = [
        {"split": "train", "ssim": 0.9},
        {"split": "validation", "ssim": 0.4},
        {"split": "validation", "ssim": 0.3},
    ]
    assert best_ssim(history) == 0.4


def test_tokenizer_is_the_planned_one(tmp_path):
    pytest.importorskip("nilearn")
    write_demo(tmp_path / "scans", subjects=12, slices=2)
    recipe = planned(tmp_path / "scans", 16, torch.device("cpu"))
    assert recipe.name == "planned"
    assert recipe.preparation.size == (16, 16)
    assert recipe.tokenizer["quantizer"]["kind"] == "moving_average"
    assert recipe.tokenizer["quantizer"]["codebook_size"] == 512


def test_candidates_differ_from_the_plan_in_decay_and_monitor(tmp_path):
    pytest.importorskip("nilearn")
    write_demo(tmp_path / "scans", subjects=12, slices=2)
    recipes = [
        planned(tmp_path / "scans", 16, torch.device("cpu"), changes) for changes in CANDIDATES.values()
    ]
    found = [
        (one.tokenizer["quantizer"]["decay"], one.stage("tokenizer").codebook_monitor) for one in recipes
    ]
    assert found == [(0.95, "adjust"), (0.99, "warn"), (0.99, "adjust")]
