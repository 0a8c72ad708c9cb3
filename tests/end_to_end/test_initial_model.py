"""Runs initialized from another run: with its tokenizer, or from all of its weights."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

import scanvq
from scanvq.model.headers import PriorHeader
from scanvq.storage.run_directory import RunError
from scanvq.storage.weights import WeightsError, read_weights


@pytest.fixture(scope="module")
def other(scans, small, tmp_path_factory):
    out = tmp_path_factory.mktemp("other") / "run"
    scanvq.fit(scans, out=out, recipe="tiny", overrides=small, epochs=1, seed=3)
    return out


def test_another_prior_on_the_same_tokenizer(other, tmp_path):
    out = tmp_path / "run"
    run = scanvq.fit(None, out=out, tokenizer=other, overrides=["prior.channels=12"], epochs=1, seed=9)
    assert (out / "tokenizer/best.safetensors").read_bytes() == (
        other / "tokenizer/best.safetensors"
    ).read_bytes()
    assert (out / "data.json").read_bytes() == (other / "data.json").read_bytes()  # the same splits
    assert read_weights(out / "prior/best.safetensors", PriorHeader).header.spec["channels"] == 12
    assert run.sample(1).shape == (1, 32, 32)
    made = [(folder / "codes/train.npz").stat().st_mtime_ns for folder in (other, out)]
    assert made[0] == made[1]  # copied, not encoded again


def test_training_begins_with_the_weights_of_another_run(other, scans, tmp_path):
    out = tmp_path / "run"
    slow = ["training.tokenizer.learning_rate=1e-9", "training.prior.learning_rate=1e-9"]
    scanvq.fit(scans, out=out, initial_model=other, overrides=slow, epochs=1, seed=9)
    ours = load_file(out / "tokenizer/last.safetensors")
    theirs = load_file(other / "tokenizer/best.safetensors")
    name = "encoder.0.weight"
    assert np.allclose(ours[name], theirs[name], atol=1e-6)
    assert json.loads((out / "data.json").read_text()) == json.loads((other / "data.json").read_text())


def test_training_begins_with_the_weights_of_a_model_file(other, scans, tmp_path):
    """A file has no scans, so splits are assigned anew; its recipe is taken, with what is set."""
    file = tmp_path / "model.safetensors"
    scanvq.Model.load(other, device="cpu").save(file)
    slow = ["training.tokenizer.learning_rate=1e-9", "training.prior.learning_rate=1e-9"]
    out = tmp_path / "run"
    run = scanvq.fit(scans, out=out, initial_model=file, overrides=slow, epochs=1, seed=9)
    for stage in ("tokenizer", "prior"):
        ours, theirs = (load_file(folder / stage / "best.safetensors") for folder in (out, other))
        assert ours.keys() == theirs.keys()
        name = next(name for name in ours if name.endswith("weight"))
        assert np.allclose(ours[name], theirs[name], atol=1e-6)
    assert run.model.recipe.stage("prior").learning_rate == 1e-9
    with pytest.raises(ValueError, match="name the folder of scans"):
        scanvq.fit(None, out=tmp_path / "other", initial_model=file, epochs=1)


def test_incompatible_runs_raise(other, scans, tmp_path):
    with pytest.raises(WeightsError, match="does not fit this recipe"):
        scanvq.fit(
            scans, out=tmp_path / "a", initial_model=other, overrides=["tokenizer.channels=[8, 12]"], epochs=1
        )
    with pytest.raises(ValueError, match="reused unchanged"):
        scanvq.fit(None, out=tmp_path / "b", tokenizer=other, overrides=["tokenizer.channels=[4, 4]"])
    with pytest.raises(RunError, match="leave the folder out"):
        scanvq.fit(tmp_path, out=tmp_path / "c", tokenizer=other)
    with pytest.raises(RunError):
        scanvq.fit(None, out=tmp_path / "d", initial_model=tmp_path / "nothing")
