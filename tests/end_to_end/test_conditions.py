"""Volumes with an age, a sex and a slice position: from `data.conditions` to samples, scores and the page."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import scanvq
from scanvq.conditions.joint_distribution import JointDistribution
from scanvq.conditions.space import ConditionSpace
from scanvq.model.headers import PriorHeader
from scanvq.model.model import Model
from scanvq.storage.run_directory import RunError
from scanvq.storage.weights import WeightsError, read_weights
from scanvq.store.dataset import SliceDataset
from scanvq.store.run_data import open_data

SUBJECTS, SLICES = 20, 5
NAMES = ["slice_position", "age", "sex"]
WITH_CONDITIONS = f"data.conditions={json.dumps(NAMES)}"

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[[Sequence[Sequence[object]]], list[str]]


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mottled disks: wider with age and toward the middle of the volume, of another brightness by sex."""
    folder = tmp_path_factory.mktemp("volumes")
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[-1:1:32j, -1:1:32j]
    table = ["subject,age,sex"]
    for subject in range(SUBJECTS):
        age, male = 40 + 2 * subject, subject % 2
        table.append(f"s{subject:02d},{age},{'FM'[male]}")
        volume = np.zeros((32, 32, SLICES))
        for level in range(SLICES):
            width = 0.2 + age / 200 + 0.2 * (1 - abs(level / (SLICES - 1) - 0.5))
            texture = np.kron(random.normal(600 + 200 * male, 250, (16, 16)), np.ones((2, 2)))
            volume[:, :, level] = (rows**2 + columns**2 < width**2) * texture
        image = nib.Nifti1Image(volume.clip(0).astype(np.int16), np.eye(4))
        nib.save(image, folder / f"s{subject:02d}.nii.gz")
    (folder / "subjects.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def overrides(small: tuple[str, ...]) -> list[str]:
    return [*small, WITH_CONDITIONS, "data.slices=all"]


@pytest.fixture(scope="module")
def run(volumes: Path, overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> scanvq.Run:
    """One epoch, and one more after it was gone on with."""
    out = tmp_path_factory.mktemp("conditions") / "run"
    begun = scanvq.fit(volumes, out=out, recipe="tiny", overrides=overrides, epochs=1, device="cpu")
    assert begun is not None
    before = header_of(begun)
    trained = scanvq.fit(None, out=out, resume=True, epochs=2, device="cpu")
    assert trained is not None
    assert header_of(trained).conditions == before.conditions
    assert header_of(trained).joint_distribution == before.joint_distribution
    assert header_of(trained).id != before.id
    return trained


def header_of(run: scanvq.Run) -> PriorHeader:
    return read_weights(run.directory.prior.last, PriorHeader).header


def test_the_prior_keeps_the_space_and_counts_of_the_data(run: scanvq.Run) -> None:
    record = run.directory.read(run.directory.data)
    space = ConditionSpace.from_dict(record["conditions"])
    assert run.conditions == space
    assert space.names == tuple(NAMES)
    assert run.labels == ()
    joint = JointDistribution.from_dict(record["joint_distribution"], space)
    for one, other in zip(header_of(run).joint.tables, joint.tables, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3)
    position, age = space.numbers
    assert (position.low, position.high) == (0, 1)
    assert 40 <= age.low < age.high <= 78


def test_requested_values_change_samples_and_other_conditions_are_sampled(run: scanvq.Run) -> None:
    age = run.conditions.numbers[1]
    requested = [{"age": age.low}, {"age": age.high}, {"age": age.low, "slice_position": "0.5"}, None]
    images = [run.sample(6, condition=values, seed=2) for values in requested]
    for number, one in enumerate(images):
        assert one.shape == (6, 32, 32)
        for other in images[number + 1 :]:
            assert not np.array_equal(one, other)
    assert np.array_equal(run.sample(2, condition=requested[0], seed=2), images[0][:2])
    assert np.array_equal(run.sample(2, seed=2), images[3][:2])
    everything = {"age": age.low, "slice_position": 0.5, "sex": "F"}
    assert run.sample(1, condition=everything).shape == (1, 32, 32)


def test_samples_with_requested_values_are_those_of_the_prior_under_all_conditions(run: scanvq.Run) -> None:
    """`sample` gives the samples of the prior under the requested and the sampled values."""
    joint, space = header_of(run).joint, run.conditions
    assert joint.sample(3, requested=space.values({"sex": "M"})).categories["sex"].tolist() == [1, 1, 1]
    one, other = (run.model.sample(4, condition={"sex": sex}, seed=1) for sex in "FM")
    assert not np.array_equal(one, other)


def test_scores_are_without_conditions_unless_they_are_stated(run: scanvq.Run) -> None:
    metrics = run.evaluate()
    data = open_data(run.directory, run.model.recipe.data)
    dataset: SliceDataset = data.dataset("test")
    images = dataset.batch(np.arange(len(dataset)))[0][:, 0]
    plain = run.model.score(images).bits_per_code.mean().item()
    assert metrics["prior"]["test"]["bits_per_code"] == pytest.approx(plain, rel=1e-6)
    stated = run.model.score(images, condition={"sex": "F", "slice_position": 0.5})
    assert stated.bits_per_code.mean().item() != pytest.approx(plain, rel=1e-6)
    with pytest.raises(ValueError, match=r"weight is not a condition of this run; .* slice_position"):
        run.model.score(images, condition={"weight": 80})


def test_a_scan_is_completed_under_a_condition(run: scanvq.Run, volumes: Path, tmp_path: Path) -> None:
    scan = run.model.read(volumes / "s00.nii.gz")
    mask = np.zeros(scan.slices.shape[1:], bool)
    mask[16:] = True
    plain, old = (
        run.model.inpaint(scan, mask, condition=condition)[0]
        for condition in (None, {"age": run.conditions.numbers[1].high, "sex": "M"})
    )
    assert plain.slices.shape == scan.slices.shape
    assert np.array_equal(plain.slices[:, :16], old.slices[:, :16])
    assert not np.array_equal(plain.slices, old.slices)


def test_one_file_keeps_the_conditions(run: scanvq.Run, tmp_path: Path) -> None:
    run.model.save(tmp_path / "model.safetensors")
    loaded = Model.load(tmp_path / "model.safetensors", device="cpu")
    assert loaded.conditions == run.conditions
    for condition in (None, {"sex": "M"}):
        assert np.array_equal(
            loaded.sample(2, condition=condition, seed=4), run.sample(2, condition=condition, seed=4)
        )


def test_the_page_is_written(run: scanvq.Run) -> None:
    run.evaluate()
    assert "SYNTHETIC" in run.write_report().read_text(encoding="utf-8")


def test_the_command_takes_conditions(
    run: scanvq.Run, scanvq: Command, refused: Refused, tmp_path: Path
) -> None:
    place, out = run.directory.path, tmp_path / "samples"
    age = round((run.conditions.numbers[1].low + run.conditions.numbers[1].high) / 2)
    words = [f"--condition=age={age}", "--condition=slice_position=0.5", "-n", 3, "--seed", 7]
    scanvq("sample", place, f"--out={out}", *words, "--format=npz")
    requested = {"age": age, "slice_position": 0.5}
    params = run.model.sampling_params(condition=requested)
    (expected,) = run.model.sample_codes(3, condition=requested, params=params, seed=7)
    with np.load(out / "codes.npz") as made:
        assert np.array_equal(made["level_0"], expected.numpy())
    sample = ["sample", place, f"--out={tmp_path / 'none'}"]
    messages = refused(
        [
            [*sample, "--condition=weight=70"],
            [*sample, "--condition=age=7"],
            [*sample, "--label=AD"],
            [*sample, "--condition=age"],
            [*sample, "--condition=age=60", "--condition=age=61"],
            [*sample, "--label=AD", "--condition=label=NC"],
        ]
    )
    known = "conditions are slice_position (0 to 1), age ("
    assert known in messages[0]
    assert "sex (F, M)" in messages[0]
    assert "age is '7'; use a number from" in messages[1]
    assert f"label is not a condition of this run; its {known}" in messages[2]
    assert "write it as NAME=VALUE, such as age=70" in messages[3]
    assert "has age twice, 60 and 61" in messages[4]
    assert "label is 'AD', but the condition label is 'NC'" in messages[5]


def test_another_prior_on_its_tokenizer_has_its_conditions(run: scanvq.Run, tmp_path: Path) -> None:
    other = scanvq.fit(
        None, out=tmp_path / "run", tokenizer=run.directory.path, overrides=["prior.channels=12"], epochs=1
    )
    assert other is not None
    assert other.conditions == run.conditions
    assert other.sample(1, condition={"sex": "M"}).shape == (1, 32, 32)


def test_from_its_weights_it_goes_on_with_its_conditions(
    run: scanvq.Run, volumes: Path, overrides: list[str], tmp_path: Path
) -> None:
    place = run.directory.path
    other = scanvq.fit(volumes, out=tmp_path / "run", initial_model=place, epochs=1)
    assert other is not None
    assert other.conditions == run.conditions
    with pytest.raises(
        RunError,
        match=r"data.conditions is age, but slice_position, age, sex in .*from which this run starts",
    ):
        scanvq.fit(
            volumes, out=tmp_path / "a", initial_model=place, overrides=['data.conditions=["age"]'], epochs=1
        )


def test_from_its_weights_on_other_scans(run: scanvq.Run, volumes: Path, tmp_path: Path) -> None:
    """Numbers keep the scale on which the prior has learned them; categories must be the same."""
    others = tmp_path / "others"
    others.mkdir()
    for file in volumes.glob("*.nii.gz"):
        image = nib.load(file)
        pixels = np.asarray(image.dataobj)[::-1].copy()
        nib.save(nib.Nifti1Image(pixels, np.eye(4)), others / file.name)
    table = (volumes / "subjects.csv").read_text(encoding="utf-8").splitlines()
    older = [table[0], *(f"{one.split(',')[0]},{20 + n},{'FM'[n % 2]}" for n, one in enumerate(table[1:]))]
    (others / "subjects.csv").write_text("\n".join(older) + "\n", encoding="utf-8")
    went_on = scanvq.fit(others, out=tmp_path / "run", initial_model=run.directory.path, epochs=1)
    assert went_on is not None
    age, before = went_on.conditions.numbers[1], run.conditions.numbers[1]
    assert (age.mean, age.std) == (before.mean, before.std)
    assert age.high < before.low
    assert went_on.sample(1, condition={"age": age.high}).shape == (1, 32, 32)
    strangers = [table[0], *(one.replace(",M", ",X") for one in older[1:])]
    (others / "subjects.csv").write_text("\n".join(strangers) + "\n", encoding="utf-8")
    with pytest.raises(
        WeightsError, match=r"was trained with .*sex \(F, M\); these scans have .*sex \(F, X\)"
    ):
        scanvq.fit(others, out=tmp_path / "a", initial_model=run.directory.path, epochs=1)
