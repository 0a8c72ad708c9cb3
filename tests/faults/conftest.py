"""A run of the smallest recipe that nothing disturbed: what every disturbed run must be equal to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.commands import command, make_scans

FIT = ("--recipe", "smallest.toml", "--epochs", "1", "--allow-leak", "--device", "cpu", "--no-sample-scores")


@dataclass(frozen=True)
class Reference:
    """A folder with `scans`, the run `run`, `samples`, and how many writes each command needs.

    Attributes:
        root: the folder.
        seconds: that `fit` takes.
        writes: of fit, sample and evaluate.
    """

    root: Path
    seconds: float
    writes: dict[str, int]


def fit_arguments(root: Path) -> list[str]:
    """Of `fit`: a new run, or its continuation where one has begun."""
    begun = (root / "run" / "recipe.toml").exists() and (root / "run" / "run.json").exists()
    rest = ["--device", "cpu", "--no-sample-scores", "--out", "run"]
    return ["fit", "--resume", *rest] if begun else ["fit", "scans", *FIT, "--out", "run"]


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    import time

    root = tmp_path_factory.mktemp("reference")
    make_scans(root / "scans")
    command(root, "recipes", "list")  # the first one waits for the imports
    began = time.monotonic()
    fit = command(root, *fit_arguments(root))
    seconds = time.monotonic() - began
    assert fit.status == 0, fit.shown
    sample = command(root, "sample", "run", "-n", "3", "--no-audit", "--out", "samples")
    assert sample.status == 0, sample.shown
    evaluate = command(root, "evaluate", "run")
    assert evaluate.status == 0, evaluate.shown
    return Reference(
        root=root,
        seconds=seconds,
        writes={"fit": fit.writes, "sample": sample.writes, "evaluate": evaluate.writes},
    )
