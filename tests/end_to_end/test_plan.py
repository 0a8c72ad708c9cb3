"""`scanvq plan` on a folder of scans, and `fit` with the edited plan."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from scanvq.planning.document import read_plan

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[[Sequence[Sequence[object]]], list[str]]

SMALLER = (
    "tokenizer.channels=[8, 8]",
    "tokenizer.residual_channels=4",
    "tokenizer.quantizer.codebook_size=16",
    "prior.channels=8",
    "prior.dilations=[1]",
)


@pytest.fixture(scope="module")
def plan(scanvq: Command, scans: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("plan") / "plan.toml"
    reported = scanvq(
        "plan", scans, "--budget=8s", "--out", file, *(f"--set={setting}" for setting in SMALLER)
    )
    assert "given: by --set" in reported.stdout
    assert "minutes" in reported.stdout
    return file


def test_a_plan_is_kept_and_its_estimate_is_shown_beside_the_measured_cost(
    scanvq: Command, plan: Path, tmp_path: Path
) -> None:
    edited = tmp_path / "edited.toml"
    edited.write_text(plan.read_text().replace("codebook_size = 16", "codebook_size = 32"))
    run = tmp_path / "run"
    reported = scanvq("fit", "--plan", edited, "--out", run, "--log=none")
    assert "estimated" in reported.stdout
    assert tomllib.loads((run / "recipe.toml").read_text())["tokenizer"]["quantizer"]["codebook_size"] == 32
    cost = json.loads((run / "metrics.json").read_text())["cost"]
    cost_estimate = read_plan(edited).cost_estimate
    assert cost_estimate is not None
    assert cost["estimated"] == vars(cost_estimate)
    assert set(cost["measured"]) == set(cost["estimated"])
    assert cost["measured"]["disk_mb"] > 0
    scanvq("fit", "--resume", "--out", run, "--log=none")


def test_fit_without_a_recipe_plans(scanvq: Command, scans: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    scanvq(
        "fit", scans, "--epochs=1", "--out", run, "--log=none", *(f"--set={setting}" for setting in SMALLER)
    )
    kept = read_plan(run / "plan.toml")
    assert kept.cost_estimate is None  # training by epochs has no time estimate
    assert kept.recipe.name == "planned"
    assert (run / "report.html").is_file()


def test_a_plan_excludes_other_settings(refused: Refused, plan: Path, tmp_path: Path) -> None:
    (message,) = refused([["fit", "--plan", plan, "--recipe", "tiny", "--out", tmp_path / "run"]])
    assert "a plan includes all settings" in message
    (message,) = refused([["fit", "--plan", plan, "--goal", "compress", "--out", tmp_path / "run"]])
    assert "goal is for a new plan" in message
