"""What a comparison takes from the files of one run, without its weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanvq.comparison.sampling_speed import SamplingSpeed
from scanvq.model.headers import PriorHeader, TokenizerHeader
from scanvq.recipe.reading import read_recipe
from scanvq.report.kind_names import prior_kind
from scanvq.storage.run_directory import RunDirectory
from scanvq.storage.weights import read_header


@dataclass(frozen=True, kw_only=True)
class ComparedRun:
    """One run.

    Attributes:
        name: of its directory.
        directory: the run.
        recipe: name of its recipe.
        tokenizer, prior: kinds; prior "" if none is trained.
        tokenizer_id: content id of the tokenizer.
        prior_id: content id of the prior; "" without one.
        test_content: digest of the test images; "" for a run made before it was recorded.
        test_files: digest of all images and of the names of the test files.
        test_counts: (subjects, slices) of the test split.
        folder: name of the folder of its scans.
        metrics: the content of metrics.json, or None.
        audit: the content of audit.json, or None.
        speed: of sampling, if it was measured for this prior.
    """

    name: str
    directory: RunDirectory
    recipe: str
    tokenizer: str
    prior: str
    tokenizer_id: str
    prior_id: str
    test_content: str
    test_files: str
    test_counts: tuple[int, int]
    folder: str
    metrics: Mapping[str, Any] | None
    audit: Mapping[str, Any] | None
    speed: SamplingSpeed | None

    @classmethod
    def read(cls, path: Path, *, name: str = "") -> ComparedRun:
        """Reads a run directory.

        Args:
            path: the run directory.
            name: of the run in tables; "" = that of the directory.

        Raises:
            RunError: no run there, or one without data. WeightsError: its tokenizer is not trained yet.
        """
        directory = RunDirectory(path)
        directory.check()
        recipe, data = read_recipe(directory.recipe), directory.read(directory.data)
        tokenizer = read_header(directory.tokenizer.best, TokenizerHeader)
        has_prior = directory.prior.best.is_file()
        prior_id = read_header(directory.prior.best, PriorHeader).id if has_prior else ""
        return cls(
            name=name or path.resolve().name,
            directory=directory,
            recipe=recipe.name,
            tokenizer=str(recipe.tokenizer["kind"]),
            prior=prior_kind(recipe.prior) if has_prior else "",
            tokenizer_id=tokenizer.id,
            prior_id=prior_id,
            test_content=data.get("test_content", ""),
            test_files=_digest(data),
            test_counts=(data["subjects"]["test"], data["slices"]["test"]),
            folder=Path(data["folder"]).name,
            metrics=directory.read(directory.metrics) if directory.metrics.is_file() else None,
            audit=directory.read(directory.audit) if directory.audit.is_file() else None,
            speed=SamplingSpeed.read(directory, prior_id),
        )


def _digest(data: Mapping[str, Any]) -> str:
    test = sorted(path for path, _, _, split, _ in data["entries"] if split == "test")
    return hashlib.sha256(json.dumps([data["content"], test]).encode()).hexdigest()[:20]
