"""BIDS, the Decathlon, nnU-Net and MedMNIST are recognized; only scans are listed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanvq.cohort.catalog import Catalog, CatalogError
from scanvq.cohort.catalog_reader import read_catalog
from scanvq.cohort.survey import survey_folder
from scanvq.imaging.formats import UnreadableScan, format_of
from scanvq.settings import DataSettings, PreparationSettings
from scanvq.store.run_data import survey_data


def tree(root: Path, names: Sequence[str], *, suffix: str = "") -> Catalog:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return read_catalog(root, suffix=suffix)


def reported(catalog: Catalog) -> list[tuple[str, str, str | None, str | None]]:
    return [(entry.path.as_posix(), entry.subject, entry.split, entry.label) for entry in catalog.entries]


def test_bids_takes_one_contrast_and_the_labels_of_participants(tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").write_text("participant_id\tage\tgroup\nsub-01\t4\tAD\nsub-02\t5\tn/a\n")
    catalog = tree(
        tmp_path,
        [
            "dataset_description.json",
            "sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz",
            "sub-01/ses-1/anat/sub-01_ses-1_acq-x_T2w.nii.gz",
            "sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz",
            "sub-01/ses-1/func/sub-01_ses-1_task-rest_bold.nii.gz",
            "sub-02/anat/sub-02_T1w.nii.gz",
            "sub-02/anat/sub-02_desc-brain_mask.nii.gz",
            "derivatives/fs/sub-02/anat/sub-02_T1w.nii.gz",
        ],
    )
    assert catalog.layout == "BIDS"
    assert reported(catalog) == [
        ("sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz", "sub-01", None, "AD"),
        ("sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz", "sub-01", None, "AD"),
        ("sub-02/anat/sub-02_T1w.nii.gz", "sub-02", None, None),
    ]
    assert catalog.notes[:2] == (
        "only T1w scans are used, not 1 T2w; to choose: --set data.suffix=T2w",
        "scans that are left out: 1 in derivatives/, 1 not anatomical (in func/), 1 masks or segmentations",
    )


def test_the_suffix_of_bids_can_be_chosen(tmp_path: Path) -> None:
    files = [f"sub-{n}/anat/sub-{n}_{suffix}.nii.gz" for n in range(9) for suffix in ("T1w", "T2w")]
    catalog = tree(tmp_path, files, suffix="T2w")
    assert {entry.path.name for entry in catalog.entries} == {f"sub-{n}_T2w.nii.gz" for n in range(9)}
    assert catalog.notes == ("only T2w scans are used, not 9 T1w; to choose: --set data.suffix=T1w",)
    with pytest.raises(CatalogError, match=r"'FLAIR', but no scan .* there are T1w \(9\), T2w \(9\)"):
        read_catalog(tmp_path, suffix="FLAIR")
    survey = survey_data(tmp_path, DataSettings(suffix="T2w"), PreparationSettings(), seed=0)
    assert {entry.path.name for entry in survey.catalog.entries} == {f"sub-{n}_T2w.nii.gz" for n in range(9)}


def test_a_suffix_is_for_bids_only(tmp_path: Path) -> None:
    for number in range(12):
        Image.fromarray(np.full((9, 9), number, np.uint8)).save(tmp_path / f"s{number}.png")
    with pytest.raises(CatalogError, match=r"chooses scans of a BIDS folder.* layout flat"):
        survey_folder(tmp_path, suffix="T2w")
    assert len(survey_folder(tmp_path).catalog.entries) == 12
    assert len(read_catalog(tmp_path, suffix="T2w").entries) == 12  # other scans that a run is evaluated on


def test_decathlon_takes_what_its_list_names(tmp_path: Path) -> None:
    listed = {
        "modality": {"0": "CT"},
        "training": [
            {"image": f"./imagesTr/spleen_{n}.nii.gz", "label": f"./labelsTr/spleen_{n}.nii.gz"}
            for n in (2, 10)
        ],
        "test": ["./imagesTs/spleen_1.nii.gz"],
    }
    (tmp_path / "Task09").mkdir()
    (tmp_path / "Task09/dataset.json").write_text(json.dumps(listed))
    names = [
        "imagesTr/spleen_2",
        "imagesTr/spleen_10",
        "imagesTr/stray",
        "labelsTr/spleen_2",
        "imagesTs/spleen_1",
    ]
    catalog = tree(tmp_path, [f"Task09/{name}.nii.gz" for name in names])
    assert catalog.layout == "decathlon"
    assert reported(catalog) == [
        ("Task09/imagesTr/spleen_2.nii.gz", "spleen_2", "train", None),
        ("Task09/imagesTr/spleen_10.nii.gz", "spleen_10", "train", None),
        ("Task09/imagesTs/spleen_1.nii.gz", "spleen_1", "test", None),
    ]


def test_the_first_of_a_decathlons_modalities_is_used(tmp_path: Path) -> None:
    listed = {
        "modality": {"0": "T2", "1": "ADC"},
        "training": [{"image": "./imagesTr/prostate_00.nii.gz"}],
        "test": ["./imagesTs/prostate_03.nii.gz"],
    }
    (tmp_path / "dataset.json").write_text(json.dumps(listed))
    catalog = tree(tmp_path, ["imagesTr/prostate_00.nii.gz", "imagesTs/prostate_03.nii.gz"])
    assert reported(catalog) == [
        ("imagesTr/prostate_00.nii.gz/0", "prostate_00", "train", None),
        ("imagesTs/prostate_03.nii.gz/0", "prostate_03", "test", None),
    ]
    assert catalog.notes[0].startswith("of T2, ADC only T2 is used")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a dataset.json"),
        ('{"training": [{"picture": "a"}]}', "is not a dataset.json"),
        ('{"training": ["../../etc/a.nii"]}', "not below its folder"),
    ],
)
def test_a_damaged_dataset_json_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(CatalogError, match=message):
        tree(tmp_path, ["imagesTr/a.nii.gz"])


@pytest.mark.parametrize("tested", [True, False])
def test_nnunet_takes_the_first_channel_and_no_labels(tested: bool, tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text(json.dumps({"channel_names": {"0": "T2", "1": "ADC"}}))
    names = [f"imagesTr/case_{case}_000{channel}" for case in (1, 2) for channel in (0, 1)]
    names += ["labelsTr/case_1", "labelsTr/case_2"] + tested * [
        "imagesTs/case_3_0000",
        "imagesTs/case_3_0001",
    ]
    catalog = tree(tmp_path, [f"{name}.nii.gz" for name in names])
    assert catalog.layout == "nnU-Net"
    train = "train" if tested else None
    expected = [(f"imagesTr/case_{n}_0000.nii.gz", f"case_{n}", train, None) for n in (1, 2)]
    expected += tested * [("imagesTs/case_3_0000.nii.gz", "case_3", "test", None)]
    assert reported(catalog) == expected
    assert "of the channels 0000, 0001 only 0000 is used" in catalog.notes[0]


def medmnist(path: Path, *shape: int, labels: int = 1) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 4), ("val", 2), ("test", 3)):
        arrays[f"{split}_images"] = random.integers(0, 256, (count, *shape), np.uint8)
        arrays[f"{split}_labels"] = random.integers(0, 2, (count, labels), np.uint8)
    np.savez(path, **arrays)
    return arrays


@pytest.mark.parametrize("shape", [(8, 8), (5, 8, 8)])
@pytest.mark.parametrize("named", [True, False])
def test_medmnist_brings_splits_and_labels(named: bool, shape: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "breastmnist.npz"
    arrays = medmnist(path, *shape)
    catalog = read_catalog(path if named else tmp_path)
    assert catalog.layout == "MedMNIST"
    assert [entry.split for entry in catalog.entries] == ["train"] * 4 + ["validation"] * 2 + ["test"] * 3
    assert [entry.label for entry in catalog.entries[:4]] == [str(n) for n in arrays["train_labels"][:, 0]]
    last = catalog.root / catalog.entries[-1].path
    assert catalog.entries[-1].path == Path("breastmnist.npz/test_images/2")
    scan, header = format_of(last).read(last), format_of(last).header(last)
    np.testing.assert_array_equal(scan.slices, arrays["test_images"][2].reshape(scan.slices.shape))
    assert (header.slices, header.height, header.width) == scan.slices.shape
    with pytest.raises(UnreadableScan, match="no such image"):
        format_of(last).read(last.with_name("3"))


def test_colored_medmnist_is_refused_and_gray_in_colors_is_read(tmp_path: Path) -> None:
    arrays = medmnist(tmp_path / "colored.npz", 8, 8, 3)
    image = tmp_path / "colored.npz/val_images/1"
    with pytest.raises(UnreadableScan, match="colored, not gray"):
        format_of(image).read(image)
    same = {
        name: values[..., :1].repeat(3, axis=-1) if values.ndim == 4 else values
        for name, values in arrays.items()
    }
    np.savez(tmp_path / "gray.npz", **same)
    image = tmp_path / "gray.npz/val_images/1"
    np.testing.assert_array_equal(format_of(image).read(image).slices[0], same["val_images"][1, ..., 0])


def test_several_labels_of_an_image_are_ignored_and_several_files_refused(tmp_path: Path) -> None:
    medmnist(tmp_path / "chestmnist.npz", 8, 8, labels=14)
    catalog = read_catalog(tmp_path)
    assert catalog.labels == ()
    assert "several labels" in catalog.notes[1]
    medmnist(tmp_path / "breastmnist.npz", 8, 8)
    with pytest.raises(CatalogError, match=r"holds 2 npz files; name one, such as breastmnist\.npz"):
        read_catalog(tmp_path)


def test_an_npz_file_is_written_back_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "volumes.npz"
    arrays = medmnist(path, 5, 8, 8)
    scan = format_of(path).read(path)
    assert scan.slices.shape == (9 * 5, 8, 8)
    format_of(path).write(tmp_path / "back.npz", scan)
    with np.load(tmp_path / "back.npz") as back:
        assert set(back.files) == set(arrays)
        for name, values in arrays.items():
            assert back[name].dtype == values.dtype
            np.testing.assert_array_equal(back[name], values)


def test_an_npz_file_of_something_else_is_no_scan(tmp_path: Path) -> None:
    np.savez(tmp_path / "codes.npz", level_0=np.zeros((2, 4, 4)))
    catalog = tree(tmp_path, ["a.png"])
    assert [entry.path.name for entry in catalog.entries] == ["a.png"]
    assert "1 .npz" in catalog.notes[0]
