"""The cost estimate of a run, from a dry run."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scanvq.cohort.catalog_reader import read_catalog
from scanvq.cohort.splits import assign_splits
from scanvq.cohort.survey import survey_folder
from scanvq.nn.condition_embedding import ConditionEmbedding
from scanvq.planning import cost_estimate as module
from scanvq.planning.audit_cost import AuditCost
from scanvq.planning.cost_estimate import DryRunError, dry_run, estimate_cost
from scanvq.planning.dry_run import DryRunMeasurements
from scanvq.planning.make import make_plan
from scanvq.planning.short_form_cost import ShortFormCost
from scanvq.recipe.reading import read_recipe
from scanvq.store.run_data import prepare_data
from scanvq.store.store import BadScans

MEASURED = DryRunMeasurements(
    prepare=0.5,
    evaluate=0.25,
    memory_mb=500,
    slice_bytes=1024,
    slices=3,
    progress_bytes=2 * 2**20,
    short_form={"sample": 2.0, "describe": 0.01, "pair": 0.001, "compare": 3.0},
    audit={"change": 0.002, "describe": 0.05, "find": 0.1},
)


def test_the_estimate_is_the_sum_of_the_parts(scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    survey = survey_folder(scans)
    catalog = survey.catalog
    tested = sum(entry.split == "test" for entry in catalog.entries)
    monkeypatch.setattr(module, "dry_run", lambda *_, **__: MEASURED)
    found = estimate_cost(read_recipe("tiny"), survey, budget=60, device="cpu")
    files = len(catalog.entries)
    trained = sum(entry.split == "train" for entry in catalog.entries)
    short = ShortFormCost(**MEASURED.short_form).seconds(3 * tested)
    audit = AuditCost(**MEASURED.audit).seconds(
        training=3 * trained, held_out=3 * (files - trained), samples=64
    )
    assert found.minutes == pytest.approx(
        (0.5 * files + 60 + 0.25 * 3 * tested + short + audit) / 60, abs=0.01
    )
    monkeypatch.setattr(module, "dry_run", lambda *_, **__: replace(MEASURED, short_form=None, audit=None))
    shorter = estimate_cost(read_recipe("tiny"), survey, budget=60, sample_scores=False, device="cpu")
    assert found.minutes - shorter.minutes == pytest.approx((short + audit) / 60, abs=0.02)
    codes = 3 * files * 16 * 16 / 2**20  # 64x64 in codes of 4x4 pixels, a byte each
    assert found.memory_mb == pytest.approx(500 + codes, abs=0.1)
    without = replace(MEASURED, progress_bytes=0)
    monkeypatch.setattr(module, "dry_run", lambda *_, **__: without)
    smaller = estimate_cost(read_recipe("tiny"), survey, budget=60, device="cpu")
    assert smaller.disk_mb > codes + 3 * files * 1024 / 2**20
    assert found.disk_mb == pytest.approx(smaller.disk_mb + 2, abs=0.11)


def test_the_short_form_is_short_where_sampling_is_slow_or_images_are_few() -> None:
    fast = ShortFormCost(sample=2, describe=0, pair=0, compare=0)
    slow = ShortFormCost(sample=30, describe=0, pair=0, compare=0)
    assert fast.seconds(1000) == 2 * (1 + 4)  # 64 samples, after a first batch
    assert slow.seconds(1000) == 30 * (1 + 1)
    assert slow.seconds(16) == 30
    assert slow.seconds(15) == 0  # refused
    compare = ShortFormCost(sample=0, describe=0, pair=0, compare=4)
    assert compare.seconds(32) == pytest.approx(compare.seconds(64) / 2)


def test_the_audit_takes_longer_with_more_images_and_fits_its_features_to_at_most_150() -> None:
    change = AuditCost(change=1, describe=0, find=0)
    assert change.seconds(training=10, held_out=5, samples=5) == 4 * 10
    assert change.seconds(training=1000, held_out=5, samples=5) == 4 * 150
    describe = AuditCost(change=0, describe=1, find=0)
    assert describe.seconds(training=10, held_out=5, samples=7) == 15
    find = AuditCost(change=0, describe=0, find=1)
    assert find.seconds(training=10, held_out=5, samples=7) == 12


def test_weights_have_the_size_of_those_of_the_run_s_conditions(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(random.integers(0, 256, (16, 16), np.uint8)).save(tmp_path / f"p{number}.png")
    rows = "".join(f"p{n},{50 + n},{'FMX'[n % 3]},{n % 2}\n" for n in range(12))
    (tmp_path / "subjects.csv").write_text(f"subject,age,sex,label\n{rows}", encoding="utf-8")
    recipe = read_recipe("tiny", overrides=['data.conditions=["sex", "age", "label"]'])
    survey = survey_folder(tmp_path)
    expected = module._conditions(recipe, survey)
    data = prepare_data(
        survey, recipe.preparation, multiple=4, conditions=recipe.data.conditions, cache=tmp_path / "cache"
    )
    assert expected.names == data.conditions.space.names == ("sex", "age", "label")
    sizes = [
        [value.numel() for value in ConditionEmbedding(space, 4).parameters()]
        for space in (expected, data.conditions.space)
    ]
    assert sizes[0] == sizes[1]
    assert module._conditions(read_recipe("tiny"), survey).names == ("label",)


@pytest.mark.slow
def test_a_failed_dry_run_raises_with_the_reason(scans: Path) -> None:
    catalog = assign_splits(read_catalog(scans))
    recipe = read_recipe("tiny", overrides=["preparation.size=[33, 33]"])
    with pytest.raises(DryRunError, match="divisible by 4"):
        dry_run(recipe, catalog, skip_bad=False, device="cpu")


@pytest.mark.slow
def test_a_failed_dry_run_names_the_files(tmp_path: Path) -> None:
    """Pixels are damaged, headers are not: only the dry run finds them."""
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 256, (32, 32), np.uint8)
        Image.fromarray(pixels if number % 2 else pixels * 0).save(tmp_path / f"p{number:02}.png")
    catalog = assign_splits(read_catalog(tmp_path))
    with pytest.raises(DryRunError) as caught:
        dry_run(read_recipe("tiny"), catalog, skip_bad=False, device="cpu")
    assert str(tmp_path / "p00.png") in str(caught.value)
    assert "constant: every pixel is 0" in str(caught.value)


def test_files_without_a_readable_header_are_named_before_the_dry_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 256, (32, 32), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"p{number:02}.png")
    plan = partial(make_plan, tmp_path, device=torch.device("cpu"), dry_run=False)
    assert plan().survey.unreadable == []
    (tmp_path / "p03.png").write_bytes(b"")
    with pytest.raises(BadScans, match=r"1 of 12 files cannot be used:\n  p03.png: empty file"):
        plan()
    assert plan(skip_bad=True).survey.unreadable == [("p03.png", "empty file (0 bytes)")]
