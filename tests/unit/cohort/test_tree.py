"""Natural order of files, and common leading folders."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from scanvq.cohort.layouts.tree import natural_key, strip_common_folders
from scanvq.imaging.paths import Paths


def _plain(path: str) -> tuple[tuple[int, str] | str, ...]:
    """Texts as they are, numbers by their values and then as they are written."""
    pieces = re.split(r"(\d+)", path)
    return tuple((int(piece), piece) if index % 2 else piece for index, piece in enumerate(pieces))


def test_natural_order_is_that_of_texts_and_numbers() -> None:
    generator = random.Random(0)
    letters = "aab/_. 0019٣脑²\udcef"
    names = {"".join(generator.choices(letters, k=generator.randrange(9))) for _ in range(3000)}
    names |= {f"slice_{number}.png" for number in (1, 2, 10, 100, 20, 3)}
    assert sorted(names, key=natural_key) == sorted(names, key=_plain)


@pytest.mark.parametrize(
    ("paths", "below"),
    [
        (["a/b/1.png", "a/b/2.png"], ["1.png", "2.png"]),
        (["a/b/c/1.png", "a/b/2.png", "a/bb/3.png"], ["b/c/1.png", "b/2.png", "bb/3.png"]),
        (["a/1.png", "b/1.png"], ["a/1.png", "b/1.png"]),
        (["a/b", "a/b/c"], ["b", "b/c"]),
        ([], []),
    ],
)
def test_what_all_paths_share_is_left_out(paths: list[str], below: list[str]) -> None:
    assert list(strip_common_folders(Paths(map(Path, paths)))) == [Path(path) for path in below]
