"""A plan uses the same slices of a folder as a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from scanvq.imaging.formats import FORMATS, Scan
from scanvq.planning.document import Plan
from scanvq.planning.make import make_plan
from scanvq.planning.rules import FEW_SLICES

TOTAL, FILES = 240, 40


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("volumes")
    volume = np.random.default_rng(0).integers(0, 99, (TOTAL, 8, 8)).astype(np.uint8)
    for number in range(FILES):
        FORMATS["npy"].write(folder / f"p{number:02}.npy", Scan(slices=volume + np.uint8(number)))
    return folder


def planned(folder: Path, slices: str) -> Plan:
    return make_plan(folder, overrides=[f"data.slices={slices}"], device=torch.device("cpu"), dry_run=False)


def test_only_chosen_slices_count(volumes: Path) -> None:
    whole, few = planned(volumes, "all"), planned(volumes, "middle:2")
    counts = [int(plan.recipe.about["summary"].split()[2].replace(",", "")) for plan in (whole, few)]
    assert counts[0] == TOTAL / 2 * counts[1]
    assert counts[0] > FEW_SLICES > counts[1]
    assert whole.recipe.prior["dropout"] == 0 < few.recipe.prior["dropout"]
    batches = [plan.recipe.stage("tokenizer").batch_size for plan in (whole, few)]
    assert batches[0] > batches[1]


def test_a_large_image_with_an_empty_border_is_cropped(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(12):
        pixels = random.integers(0, 5, (600, 90), np.uint8)
        pixels[100:500, 20:70] += 200
        FORMATS["png"].write(tmp_path / f"p{number:02}.png", Scan(slices=pixels[None]))
    preparation = planned(tmp_path, "foreground").recipe.preparation
    assert (preparation.size, preparation.fit) == ((512, 96), "pad")
    for number in range(12):
        pixels = random.integers(0, 5, (600, 90), np.uint8)
        pixels[10:500, 20:70] += 200
        FORMATS["png"].write(tmp_path / f"p{number:02}.png", Scan(slices=pixels[None]))
    preparation = planned(tmp_path, "foreground").recipe.preparation
    assert (preparation.size, preparation.fit) == ((512, 72), "resize")


def test_no_slice_to_plan_for_raises(volumes: Path) -> None:
    with pytest.raises(
        ValueError, match=r"no readable slice to plan for: slices=500:600 leaves none of 9,600"
    ):
        planned(volumes, "500:600")
