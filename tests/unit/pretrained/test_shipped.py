"""The models that come with ScanVQ: small, with a card, and usable without anything else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from scanvq.model.model import Model
from scanvq.model.source import shipped_models

MOST_BYTES = 5_000_000
SECTIONS = ("Data and license", "Training", "Scores", "Copies", "Limits")
SUBJECT = re.compile(r"sub-\d")
SCAN_FILE = re.compile(r"\.(png|nii|dcm)\b")
ABSOLUTE_PATH = re.compile(r"(?<![\w:/.~])/[A-Za-z]\w*/|\b[A-Z]:\\")
MODELS = shipped_models()


def test_there_is_a_model() -> None:
    assert "brain-flair-axial" in MODELS


@pytest.mark.parametrize("text", ["in /data/scans/a", '"/mnt/x/y"', "D:\\scans"])
def test_an_absolute_path_is_seen(text: str) -> None:
    assert ABSOLUTE_PATH.search(text)
    assert not ABSOLUTE_PATH.search("https://example.org/a/b, scans/ and docs/explanation/metrics.md")


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_small_and_has_a_card(name: str) -> None:
    file = Path(MODELS[name])
    assert file.stat().st_size < MOST_BYTES
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    assert [section for section in SECTIONS if f"\n## {section}\n" not in card] == []
    assert not SUBJECT.search(card)
    assert not ABSOLUTE_PATH.search(card)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_holds_weights_only(name: str) -> None:
    """No training codes, which decode to patients, and no name of a scan or folder."""
    with safe_open(MODELS[name], "numpy") as file:
        names = list(file.keys())
        header = str(file.metadata())
    assert {name.split(".")[0] for name in names} == {"tokenizer", "prior", "decoder"}
    assert not SUBJECT.search(header)
    assert not SCAN_FILE.search(header)
    assert not ABSOLUTE_PATH.search(header)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_creates_images_and_scores_them(name: str) -> None:
    model = Model.load(name, device="cpu")
    assert model.calibration is not None
    created = model.sample(1, seed=3)
    assert created.ndim == 3
    assert 0.1 < float(np.mean(created > 0.1)) < 0.9
    assert np.array_equal(created, model.sample(1, seed=3))
