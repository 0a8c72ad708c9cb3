"""A run's paths: where everything that `fit` makes is found again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanvq.storage.files import read_json, write_json


class RunError(ValueError):
    """A folder that is no run, or lacks what was asked of it."""


@dataclass(frozen=True)
class StageDirectory:
    """The files of one stage, `tokenizer` or `prior`."""

    path: Path

    @property
    def best(self) -> Path:
        return self.path / "best.safetensors"

    @property
    def last(self) -> Path:
        return self.path / "last.safetensors"

    @property
    def resume(self) -> Path:
        return self.path / "resume.pt"

    @property
    def history(self) -> Path:
        return self.path / "history.json"

    @property
    def progress(self) -> Path:
        return self.path / "progress.npz"


@dataclass(frozen=True)
class RunDirectory:
    """A run directory. Only paths and whole files; what they mean is others' business."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.toml"

    @property
    def plan(self) -> Path:
        """The plan that the run follows, where it has one."""
        return self.path / "plan.toml"

    @property
    def settings(self) -> Path:
        """How `fit` was called: folder, limits, seed."""
        return self.path / "run.json"

    @property
    def data(self) -> Path:
        """Catalog with splits, preparation, where the prepared store is."""
        return self.path / "data.json"

    @property
    def fingerprint(self) -> Path:
        return self.path / "fingerprint.json"

    @property
    def encoding(self) -> Path:
        """The precision that images are encoded in, and the time that was measured."""
        return self.path / "encoding.json"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def tokenizer(self) -> StageDirectory:
        return StageDirectory(self.path / "tokenizer")

    @property
    def prior(self) -> StageDirectory:
        return StageDirectory(self.path / "prior")

    @property
    def codes(self) -> Path:
        return self.path / "codes"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.json"

    @property
    def test_scores(self) -> Path:
        """The scores of each test image."""
        return self.path / "test_scores.json"

    @property
    def cost(self) -> Path:
        """What the whole run has cost, beside what its plan estimated."""
        return self.path / "cost.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def read(self, file: Path) -> Any:
        """A JSON file of the run. Raises RunError where the folder or the file is missing."""
        if not self.recipe.is_file():
            raise RunError(
                f"{self.path} is no ScanVQ run (it has no recipe.toml); make one with `scanvq fit`"
            )
        if not file.is_file():
            raise RunError(
                f"{self.path} has no {file.name} yet; finish it with `scanvq fit --resume --out {self.path}`"
            )
        return read_json(file)

    def write(self, file: Path, value: Any) -> None:
        write_json(file, value)
