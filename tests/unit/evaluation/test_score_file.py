from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanvq.evaluation.score_file import CHUNK, ScoreFile

COUNT = 3 * CHUNK + 5


class Work:
    """The scores of images: their numbers; stops before image `stop`."""

    def __init__(self, stop: int = COUNT) -> None:
        self.stop, self.asked = stop, list[tuple[int, int]]()

    def part(self, first: int, last: int) -> np.ndarray:
        if last > self.stop:
            raise KeyboardInterrupt
        self.asked.append((first, last))
        return np.arange(first, last, dtype=np.float64)[:, None] * [1, 2]


def compute(path: Path, work: Work, key: str = "model", count: int = COUNT) -> np.ndarray:
    steps: list[int] = []
    found = ScoreFile(path).compute(
        "scores", key, count, work.part, progress=lambda done, total: steps.append(done)
    )
    assert steps[-1] == count
    return found


def test_what_was_computed_before_an_interruption_is_kept(tmp_path: Path) -> None:
    path, expected = tmp_path / "scores.npz", np.arange(COUNT)[:, None] * [1.0, 2.0]
    with pytest.raises(KeyboardInterrupt):
        compute(path, Work(stop=2 * CHUNK))
    rest = Work()
    np.testing.assert_array_equal(compute(path, rest), expected)
    assert rest.asked == [(2 * CHUNK, 3 * CHUNK), (3 * CHUNK, COUNT)]
    none = Work(stop=0)
    np.testing.assert_array_equal(compute(path, none), expected)
    assert none.asked == []


def test_interrupted_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        compute(tmp_path / "scores.npz", Work(stop=0))
    assert list(tmp_path.iterdir()) == []


def test_another_key_is_computed_anew_and_other_scores_stay(tmp_path: Path) -> None:
    path = tmp_path / "scores.npz"
    compute(path, Work())
    ScoreFile(path).compute("prior", "p", 4, lambda first, last: np.ones((4, 1)), progress=lambda d, t: None)
    work = Work()
    compute(path, work, key="another model")
    assert work.asked[0] == (0, CHUNK)
    again = Work(stop=0)
    compute(path, again, key="another model")
    with pytest.raises(KeyboardInterrupt):
        compute(path, again)
    kept = ScoreFile(path).compute("prior", "p", 4, again.part, progress=lambda done, total: None)
    assert kept.tolist() == [[1], [1], [1], [1]]
