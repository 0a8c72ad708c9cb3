"""Samples as a BIDS derivative: valid for the validator of BIDS, and never taken for scans."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from scanvq.cohort.catalog import CatalogError
from scanvq.cohort.catalog_reader import read_catalog
from scanvq.inference.bids_metadata import BidsFacts
from scanvq.inference.bids_samples import sample_bids
from scanvq.inference.code_file import read_code_file
from scanvq.model.model import Model
from scanvq.storage.output_folder import OutputError

FACTS = BidsFacts(suffix="FLAIR", skull_stripped=False, source="10.1000/182")
Command = Callable[..., subprocess.CompletedProcess[str]]
VALIDATOR = shutil.which("bids-validator-deno", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.fixture(scope="module")
def folder(trained: Path, scanvq: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three samples of each of the two labels."""
    out = tmp_path_factory.mktemp("bids") / "samples"
    bids = ("--layout", "bids", "--suffix", "FLAIR", "--with-skull")
    said = scanvq("sample", trained, *bids, "--per-label", 3, "--seed", 5, "--out", out).stdout
    assert f"wrote 6 synthetic images to {out}" in said
    assert "nearest training scans in samples-audit.json" in said
    return out


@pytest.fixture(scope="module")
def model(trained: Path) -> Model:
    return Model.load(trained, device="cpu")


def read(path: Path) -> dict[str, object]:
    content = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def test_every_sample_is_a_subject_with_its_provenance(model: Model, folder: Path) -> None:
    described = read(folder / "dataset_description.json")
    (generator,) = described["GeneratedBy"]
    assert (generator["Name"], generator["Version"]) == ("ScanVQ", version("scanvq"))
    assert described["DatasetType"] == "derivative"
    assert (described["License"], "SourceDatasets" in described) == ("unknown", False)
    with (folder / "participants.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["label"] for row in rows] == ["AD"] * 3 + ["NC"] * 3
    images = sorted(folder.glob("sub-*/anat/*.nii.gz"))
    assert [image.name for image in images] == [
        f"sub-synthetic{number:04d}_desc-synthetic_FLAIR.nii.gz" for number in range(1, 7)
    ]
    made_by = model.provenance(seed=5)
    for number, (row, image) in enumerate(zip(rows, images, strict=True)):
        assert row["participant_id"] == image.parts[-3] == f"sub-synthetic{number + 1:04d}"
        one = read(Path(str(image).removesuffix(".nii.gz") + ".json"))
        assert one["Synthetic"] is True
        assert one["SkullStripped"] is False
        assert (one["Model"], one["Seed"], one["SampleNumber"]) == (made_by.model, 5, number)
        assert (one["Decoder"], one["Conditions"]) == (made_by.decoder, {"label": row["label"]})
        assert one["RequestedConditions"] == ["label"]
        assert one["Sampling"] == {"Temperature": 1.0, "TopK": 0, "TopP": 1.0, "Guidance": 1.0}
        assert nib.load(image).header["descrip"].item().decode() == str(made_by)
    codes, _ = read_code_file(folder / "sourcedata" / "codes.npz", tokenizer_id=model.id)
    assert len(codes[0]) == 6


def test_it_is_read_as_bids_only_if_asked_for(folder: Path) -> None:
    with pytest.raises(CatalogError, match="marked as synthetic"):
        read_catalog(folder)
    catalog = read_catalog(folder, allow_synthetic=True)
    assert catalog.layout == "BIDS"
    assert [entry.label for entry in catalog.entries] == ["AD"] * 3 + ["NC"] * 3


def test_a_sample_is_that_of_the_model_and_sampled_conditions_are_told(model: Model, tmp_path: Path) -> None:
    files = sample_bids(model, tmp_path / "out", 2, facts=FACTS, params=model.sampling_params(), seed=9)
    images = [np.asarray(nib.load(tmp_path / "out" / name).dataobj).squeeze() for name in files.names]
    expected = model.sample(2, seed=9)
    for image, pixels in zip(images, expected, strict=True):
        assert np.allclose(np.sort(image, axis=None), np.sort(pixels, axis=None))
    for name in files.names:
        one = read(tmp_path / "out" / (name.removesuffix(".nii.gz") + ".json"))
        assert one["Conditions"]["label"] in model.labels
        assert one["RequestedConditions"] == []
    described = read(tmp_path / "out" / "dataset_description.json")
    assert described["SourceDatasets"] == [{"DOI": "10.1000/182"}]


def test_training_scans_are_named_beside_the_data_set_not_in_it(
    folder: Path, cohorts: dict[str, Path]
) -> None:
    audit = json.loads((folder.parent / "samples-audit.json").read_text(encoding="utf-8"))
    assert [one["file"] for one in audit["samples"]] == sorted(
        path.relative_to(folder).as_posix() for path in folder.glob("sub-*/anat/*.nii.gz")
    )
    secret = [Path(one["nearest"]).name for one in audit["samples"]] + [str(cohorts["adni"]), str(folder)]
    for path in folder.rglob("*"):
        if path.suffix in (".json", ".tsv", ".md"):
            text = path.read_text(encoding="utf-8")
            assert not [name for name in secret if name in text]


def test_another_suffix_is_refused_and_an_earlier_data_set_is_kept(model: Model, folder: Path) -> None:
    with pytest.raises(ValueError, match=r"--suffix is 'flair'; BIDS has T1w.*FLAIR"):
        BidsFacts(suffix="flair", skull_stripped=False)
    with pytest.raises(OutputError, match="--overwrite"):
        sample_bids(model, folder, 1, facts=FACTS, params=model.sampling_params(), seed=1)


@pytest.mark.skipif(VALIDATOR is None, reason="bids-validator-deno is not installed")
def test_the_validator_of_bids_finds_no_error(folder: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "DENO_DIR": str(tmp_path / "deno"), "NO_COLOR": "1"}
    command = [str(VALIDATOR), str(folder), "--format", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert [one for one in issues if one["severity"] == "error"] == []
    assert done.returncode == 0
    (folder / "sub-synthetic0001" / "anat" / "unknown.txt").touch()  # it does find errors
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    (folder / "sub-synthetic0001" / "anat" / "unknown.txt").unlink()
    assert done.returncode != 0
