"""Created images: partial pictures, nearest training scans, receipts, limits."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scanvq.app import creating
from scanvq.app.comparing import compare_images, compare_scores
from scanvq.app.creating import Created, CreateRequest, Partial, create, created_html, partial_images
from scanvq.app.limits import Limits, Refused
from scanvq.app.served_model import ServedModel, open_model
from scanvq.report.figures.colors import gray
from scanvq.types import UNKNOWN
from tests.app.conftest import silent


def made(served: ServedModel, limits: Limits, request: CreateRequest) -> list[Partial | Created]:
    return list(create(served, request, limits))


def test_images_grow_and_are_those_of_the_model(
    served: ServedModel, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(creating, "FIRST", 0.0)
    monkeypatch.setattr(creating, "PACE", 0.0)
    monkeypatch.setattr(creating, "COST", 0)
    condition = {"label": "wide"}
    found = made(served, limits, CreateRequest(count=3, seed=5, temperature=0.9, condition=condition))
    parts = [one for one in found if isinstance(one, Partial)]
    shares = [one.share for one in parts]
    assert shares == sorted(shares)
    assert 0 < shares[0] <= shares[-1] <= 1
    last = found[-1]
    assert isinstance(last, Created)
    images = served.model.sample(3, seed=5, temperature=0.9, condition=condition)
    assert all(np.array_equal(one, gray(image)) for one, image in zip(last.images, images, strict=True))
    assert [one["label"] for one in last.conditions] == ["wide"] * 3
    assert {one.shape for one in parts[0].images} == {one.shape for one in last.images}


def test_what_is_unknown_is_gray(served: ServedModel) -> None:
    codes = served.model.sample_codes(1, params=served.model.sampling_params(), seed=0)
    half = codes[0].clone()
    rows = half.shape[1] // 2
    half[:, rows:] = UNKNOWN
    found = partial_images(served.model, (half,))
    (image,) = found.images
    assert found.share == rows / half.shape[1]
    middle = image.shape[0] // 2
    assert (image[middle:] == round(255 * creating.NOT_YET)).all()
    assert not (image[:middle] == round(255 * creating.NOT_YET)).all()


def test_each_image_has_its_nearest_training_scan_and_its_receipt(
    served: ServedModel, limits: Limits, scans: Path
) -> None:
    last = made(served, limits, CreateRequest(count=2, seed=1))[-1]
    assert isinstance(last, Created)
    assert len(last.nearest) == 2
    assert all((scans / near.file).is_file() for near in last.nearest)
    receipt = last.receipt(1)
    assert receipt["mark"] == f"SYNTHETIC ScanVQ model={served.model.prior_id} seed=1"
    assert (receipt["seed"], receipt["image"], receipt["tokenizer"]) == (1, 1, served.model.id)
    assert receipt["nearest_training_scan"]["file"] == last.nearest[1].file
    html = created_html(last)
    assert html.count("SYNTHETIC") == 2
    links = re.findall(r'download="([^"]+)" href="data:[^;]+;base64,([^"]+)"', html)
    assert [name for name, _ in links] == [
        f"sample_1_{number:03d}.{kind}" for number in range(2) for kind in ("png", "json")
    ]
    assert b"SYNTHETIC ScanVQ" in base64.b64decode(links[0][1])
    assert json.loads(base64.b64decode(links[3][1])) == receipt


def test_without_an_audit_it_says_why(run: Path, limits: Limits, tmp_path: Path) -> None:
    served = open_model(run, device="cpu", audit=False, progress_for=silent)
    last = made(served, limits, CreateRequest(count=1, seed=0))[-1]
    assert "not shown: the app was started with --no-audit" in created_html(last)
    file = tmp_path / "model.safetensors"
    served.model.save(file)
    alone = open_model(file, device="cpu", audit=True, progress_for=silent)
    assert "no training codes" in alone.not_audited
    last = made(alone, limits, CreateRequest(count=1, seed=0))[-1]
    assert isinstance(last, Created)
    assert last.receipt(0)["nearest_training_scan"] == {"not_audited": alone.not_audited}


def test_limits(served: ServedModel, limits: Limits) -> None:
    for count in (0, 9):
        with pytest.raises(Refused, match=f"number of images is {count}; use a whole number from 1 to 8"):
            made(served, limits, CreateRequest(count=count, seed=0))
    assert made(served, limits, CreateRequest(count=8, seed=0))
    with pytest.raises(Refused, match="longer than 0 seconds and was stopped"):
        made(served, replace(limits, seconds=0), CreateRequest(count=1, seed=0))
    with pytest.raises(ValueError, match="label is 'tall'; use one of"):
        made(served, limits, CreateRequest(count=1, seed=0, condition={"label": "tall"}))


def test_two_models_are_compared(served: ServedModel, limits: Limits, tmp_path: Path) -> None:
    pages = list(compare_images((served, served), count=2, seed=0, limits=limits))
    first, second = pages[-1]
    assert first.count("SYNTHETIC") == 2
    assert re.findall(r'src="[^"]+"', first) == re.findall(r'src="[^"]+"', second)
    file = tmp_path / "model.safetensors"
    served.model.save(file)
    alone = open_model(file, device="cpu", audit=False, progress_for=silent)
    assert compare_scores((served, alone)) == f"No scores: {file} is a model without its run."
