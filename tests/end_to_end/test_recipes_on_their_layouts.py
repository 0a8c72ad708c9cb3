"""Every recipe of a report on the layout of its data set, shrunken: from files to scores and report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

LAYOUTS = {
    "hipmri-vqvae2": "hipmri",
    "hipmri-vqvae2-as-printed": "hipmri",
    "hipmri-vqvae": "hipmri",
    "adni-vqvae-pixelcnn": "adni",
    "oasis-vqvae-gan": "oasis",
    "oasis-vqvae-gated-pixelcnn": "oasis",
}
SHRUNKEN = (
    "--epochs=1",
    "--log=none",
    "--set=preparation.size=[64, 32]",
    "--set=preparation.fit=resize",
    "--set=training.tokenizer.batch_size=4",
    "--set=training.prior.batch_size=4",
    "--set=training.tokenizer.precision=fp32",
    "--set=training.prior.precision=fp32",
)
NARROW = {"hipmri-vqvae": ("--set=tokenizer.channels=[16, 16]", "--set=tokenizer.residual_channels=16")}


@pytest.mark.parametrize(
    ("recipe", "images"),
    [
        *((recipe, "original") for recipe in LAYOUTS),
        ("hipmri-vqvae", "segmented"),
        ("oasis-vqvae-gan", "segmented"),
    ],
)
def test_from_files_to_report(
    recipe: str, images: str, scanvq, cohorts: dict[str, Path], tmp_path: Path
) -> None:
    layout = LAYOUTS[recipe]
    run = tmp_path / "run"
    more = (*NARROW.get(recipe, ()), f"--set=data.images={images}")
    scanvq("fit", cohorts[layout], f"--recipe={recipe}", f"--out={run}", *SHRUNKEN, *more)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["tokenizer"]["test"]["n"] > 0
    assert (metrics["prior"]["test"] is None) == (recipe == "oasis-vqvae-gan")
    record = json.loads((run / "data.json").read_text())
    assert record["layout"].lower() == layout
    assert all(("seg" in path) == (images == "segmented") for path, *_ in record["entries"])
    page = (run / "report.html").read_text(encoding="utf-8")
    assert recipe in page
    assert "reported" in page.lower()
