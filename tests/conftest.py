"""What several tests need: a folder of scans made on the spot, and a cache that is not the user's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SUBJECTS, PICTURES = 24, 2


def pytest_configure(config: pytest.Config) -> None:
    """Divides the cores among the workers of pytest-xdist.

    NumPy and PyTorch read the number of threads as they load, so it is set here, before workers start.
    """
    workers = len(getattr(config.option, "tx", None) or ())
    if workers > 1:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCANVQ_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flat folder of 24 subjects with two gray PNG blobs each, 32 to 48 pixels wide, in two classes."""
    folder = tmp_path_factory.mktemp("data") / "scans"
    folder.mkdir()
    random = np.random.default_rng(0)
    rows = ["subject,label"]
    for subject in range(SUBJECTS):
        wide = subject % 2 == 1
        rows.append(f"s{subject:02d},{'wide' if wide else 'narrow'}")
        size = int(random.choice([32, 40, 48]))
        for picture in range(PICTURES):
            pixels = blob(size, width=0.7 if wide else 0.4, random=random)
            Image.fromarray(pixels).save(folder / f"s{subject:02d}_{picture}.png")
    (folder / "subjects.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def blob(size: int, *, width: float, random: np.random.Generator) -> np.ndarray:
    """A bright ellipse (size, size) uint8 near the middle of noise."""
    rows, columns = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    middle = random.normal(0, 0.1, 2)
    squares = ((columns - middle[0]) / width) ** 2 + ((rows - middle[1]) / 0.5) ** 2
    pixels = 200 * np.exp(-2 * squares) + random.normal(0, 5, (size, size))
    return np.clip(pixels, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    """Overrides that make an epoch of the recipe `tiny` take a second, from Python."""
    return (
        "preparation.size=[32, 32]",
        "tokenizer.channels=[8, 8]",
        "tokenizer.residual_channels=4",
        "tokenizer.quantizer.codebook_size=16",
        "prior.channels=8",
        "training.tokenizer.batch_size=8",
        "training.prior.batch_size=8",
    )


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """For commands: one thread a process, plain output, the tests' cache."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}
