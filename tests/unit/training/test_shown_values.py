"""What a progress bar shows when a stage ends is the last validation, not an earlier one."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from scanvq.training.training_limit import TrainingLimit
from tests.unit.training.test_loop import make_stage, run


@pytest.mark.parametrize("limit", [TrainingLimit(steps=20), TrainingLimit(seconds=0.2)])
def test_the_last_values_shown_are_those_of_the_last_validation(tmp_path: Path, limit: TrainingLimit) -> None:
    numbers = count()
    stage = make_stage(tmp_path, validate=lambda: {"score": float(next(numbers))})
    state, logger = run(replace(stage, limit=limit))
    scores = [record["score"] for record in state.history if record["split"] == "validation"]
    assert len(scores) > 1
    assert logger.shown["val_score"] == scores[-1]
