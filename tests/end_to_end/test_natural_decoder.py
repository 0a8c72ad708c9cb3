"""A run with a natural decoder: trained, used for created images alone, and named in every output."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import scanvq
from scanvq.evaluation.sample_scores import COMPARISONS
from scanvq.model.model import Model
from scanvq.storage.weights import WeightsError
from tests.end_to_end.conftest import Command, Refused


@pytest.fixture(scope="module")
def trained(scans: Path, small: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a natural decoder; tests must not change it."""
    run = tmp_path_factory.mktemp("natural") / "run"
    overrides = (*small, "decoder.kind=natural", "decoder.residual_channels=8", "data.test=0.4")
    made = scanvq.fit(scans, out=run, recipe="tiny", overrides=overrides, epochs=1, device="cpu")
    assert made is not None
    made.evaluate()
    return run


def test_samples_and_completions_are_natural_and_reconstructions_are_not(trained: Path) -> None:
    model = Model.load(trained)
    natural, faithful = (model.sample(3, decoder=decoder) for decoder in ("natural", "faithful"))
    assert np.array_equal(model.sample(3), natural)
    assert not np.array_equal(natural, faithful)
    image = faithful[0]
    assert np.array_equal(model.reconstruct(image), model.decode(model.encode(image))[0])
    hidden = np.zeros(image.shape, np.bool_)
    hidden[image.shape[0] // 2 :] = True
    completed = [model.inpaint(image, hidden, decoder=decoder) for decoder in (None, "natural", "faithful")]
    assert np.array_equal(completed[0], completed[1])
    assert not np.array_equal(completed[1], completed[2])
    assert all(np.array_equal(one[0][~hidden], image[~hidden]) for one in completed)


def test_one_file_holds_the_decoder(trained: Path, tmp_path: Path) -> None:
    model = Model.load(trained)
    model.save(tmp_path / "model.safetensors")
    again = Model.load(tmp_path / "model.safetensors")
    assert again.decoders.decoder_of() == "natural"
    assert np.array_equal(again.sample(2), model.sample(2))


def test_a_decoder_of_another_tokenizer_is_refused(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    other = scanvq.fit(None, out=tmp_path / "other", initial_model=run, epochs=1, device="cpu")
    assert other is not None
    shutil.copyfile(run / "decoder" / "best.safetensors", tmp_path / "other" / "decoder" / "best.safetensors")
    with pytest.raises(WeightsError, match="was trained on images of tokenizer"):
        Model.load(tmp_path / "other").sample(1)


def test_another_prior_keeps_the_decoder_of_its_tokenizer(trained: Path, tmp_path: Path) -> None:
    other = scanvq.fit(
        None,
        out=tmp_path / "other",
        tokenizer=trained,
        overrides=["prior.channels=4"],
        epochs=1,
        device="cpu",
    )
    assert other is not None
    names = [Path("decoder", "best.safetensors"), Path("decoder", "history.json")]
    assert all((tmp_path / "other" / name).read_bytes() == (trained / name).read_bytes() for name in names)
    assert other.model.decoders.decoder_of() == "natural"
    with pytest.raises(ValueError, match=r"decoder\.residual_channels=.* cannot change the trained parts"):
        scanvq.fit(
            None, out=tmp_path / "no", tokenizer=trained, overrides=["decoder.residual_channels=4"], epochs=1
        )


def test_commands_name_the_decoder(scanvq: Command, refused: Refused, trained: Path, tmp_path: Path) -> None:
    outputs = {}
    for decoder in ("natural", "faithful"):
        out = tmp_path / decoder
        choice = () if decoder == "natural" else ("--decoder", decoder)
        outputs[decoder] = scanvq("sample", trained, "--out", out, "-n", 2, *choice).stdout
        with Image.open(out / "sample_000.png") as image:
            text = " ".join(map(str, image.info.values()))
        assert ("decoder=natural" in text) == (decoder == "natural")
    assert "natural decoder: fine texture is invented" in outputs["natural"]
    assert "faithful decoder" in outputs["faithful"]
    (message, other) = refused(
        [
            ("sample", trained, "--out", tmp_path / "no", "--decoder", "sharp"),
            ("evaluate", trained, "--decoder", "natural"),
        ]
    )
    assert "decoder is 'sharp'; use faithful or natural" in message
    assert "--decoder is for --samples and --images" in other


def test_scores_and_page_say_which_decoder(trained: Path, tmp_path: Path) -> None:
    run = scanvq.load(shutil.copytree(trained, tmp_path / "run"), device="cpu")
    before = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    assert {"tokenizer", "prior", "decoder"} <= before["cost"].keys()
    scores = run.evaluate_samples(8)
    assert {scores[name]["source"]["decoder"] for name in COMPARISONS} == {"natural"}
    faithful = run.evaluate_samples(8, decoder="faithful")
    assert {faithful[name]["source"]["decoder"] for name in COMPARISONS} == {"faithful"}
    compared = [one["reconstructions_vs_reals"]["frechet"]["features"]["value"] for one in (scores, faithful)]
    assert compared[0] != compared[1]
    after = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    assert after["tokenizer"] == before["tokenizer"]
    page = run.write_report().read_text(encoding="utf-8")
    assert "fine texture is invented" in page
    assert "Training of the natural decoder" in page
