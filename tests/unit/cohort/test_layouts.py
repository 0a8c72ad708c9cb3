"""Folder layouts are recognized, with subject, split and label of each file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from scanvq.cohort.catalog import Catalog, CatalogError
from scanvq.cohort.catalog_reader import read_catalog
from scanvq.cohort.splits import assign_splits

SPLITS = {"train": (0, 1, 2, 3), "validate": (4,), "test": (5, 6)}


def tree(root: Path, names: Sequence[str]) -> Catalog:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return read_catalog(root)


def subjects(catalog: Catalog) -> dict[str, str]:
    return {entry.path.as_posix(): entry.subject for entry in catalog.entries}


def splits(catalog: Catalog) -> dict[str, str | None]:
    return {entry.subject: entry.split for entry in catalog.entries}


def labels(catalog: Catalog) -> dict[str, str | None]:
    return {entry.subject: entry.label for entry in catalog.entries}


def oasis() -> list[str]:
    return [
        f"keras_png_slices_{kind}{split}/{name}_{case:03}_slice_{number}.nii.png"
        for kind, name in (("", "case"), ("seg_", "seg"))
        for split, cases in SPLITS.items()
        for case in cases
        for number in range(11)
    ]


@pytest.mark.parametrize("wrapped", ["", "downloads/oasis/"])
def test_oasis(wrapped: str, tmp_path: Path) -> None:
    catalog = tree(tmp_path, [wrapped + name for name in oasis()])
    assert catalog.layout == "OASIS"
    assert len(catalog.entries) == 7 * 11
    assert splits(catalog) == {
        f"case_{case:03}": {"validate": "validation"}.get(split, split)
        for split, cases in SPLITS.items()
        for case in cases
    }
    numbers = [int(entry.path.name.split("_")[3].split(".")[0]) for entry in catalog.entries[:11]]
    assert numbers == list(range(11)), "slice 10 comes after slice 9"
    assert catalog.labels == ()
    assert catalog.notes == ()
    assert assign_splits(catalog).entries == catalog.entries


def test_segmentations_are_taken_where_asked_for_and_there(tmp_path: Path) -> None:
    tree(tmp_path, oasis())
    segmented = read_catalog(tmp_path, images="segmented")
    assert len(segmented.entries) == 7 * 11
    assert all(entry.path.name.startswith("seg_") for entry in segmented.entries)
    assert {entry.subject for entry in segmented.entries} == {f"case_{case:03}" for case in range(7)}
    only_scans = tmp_path / "x"
    tree(only_scans, [name for name in oasis() if "seg_" not in name])
    with pytest.raises(CatalogError, match="no segmented images"):
        read_catalog(only_scans, images="segmented")
    flat = tmp_path / "y"
    tree(flat, ["a.png"])
    with pytest.raises(CatalogError, match="has no segmentations"):
        read_catalog(flat, images="segmented")


def test_hipmri_takes_the_patient_for_all_weeks(tmp_path: Path) -> None:
    catalog = tree(
        tmp_path,
        [
            f"keras_slices_{kind}{split}/{name}_{case:03}_week_{week}_slice_0.nii.gz"
            for kind, name in (("", "case"), ("seg_", "seg"))
            for split, cases in SPLITS.items()
            for case in cases
            for week in (0, 1)
        ],
    )
    assert catalog.layout == "HipMRI"
    assert len(catalog.entries) == 14
    assert splits(catalog)["case_004"] == "validation"
    assert len(splits(catalog)) == 7


def adni(folder: str = "AD_NC/") -> list[str]:
    return [
        f"{folder}{split}/{label}/{scan}_{number}.jpeg"
        for split, start in (("train", 100), ("test", 500))
        for label, more in (("AD", 0), ("NC", 50))
        for scan in range(start + more, start + more + 6)
        for number in (78, 79)
    ]


@pytest.mark.parametrize("folder", ["AD_NC/", "", "data/ADNI/AD_NC/"])
def test_adni(folder: str, tmp_path: Path) -> None:
    catalog = tree(tmp_path, adni(folder))
    assert catalog.layout == "ADNI"
    assert catalog.labels == ("AD", "NC")
    assert labels(catalog)["100"] == "AD"
    assert labels(catalog)["555"] == "NC"
    assert any("not a patient id" in note for note in catalog.notes)
    whole = assign_splits(catalog)
    for before, after in zip(catalog.entries, whole.entries, strict=True):
        assert after.split == before.split or (before.split, after.split) == ("train", "validation")
    of_scan: dict[str, set[str | None]] = {}
    for entry in whole.entries:
        of_scan.setdefault(entry.subject, set()).add(entry.split)
    assert all(len(found) == 1 for found in of_scan.values())
    assert {"validation"} in of_scan.values()


def test_adni_without_classes_and_with_stray_pictures(tmp_path: Path) -> None:
    names = [name.replace("AD/", "").replace("NC/", "").replace("jpeg", "png") for name in adni("")]
    catalog = tree(tmp_path, [*names, "train/overview.png"])
    assert catalog.layout == "ADNI"
    assert catalog.labels == ()
    assert {len(name) for name in splits(catalog)} == {3}
    assert any("1 files are not named as in ADNI" in note for note in catalog.notes)


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "valid", "testing")])
@pytest.mark.parametrize("wrapped", ["", "data/"])
def test_a_folder_for_each_split(names: tuple[str, str, str], wrapped: str, tmp_path: Path) -> None:
    catalog = tree(
        tmp_path,
        [f"{wrapped}{name}/{name}{case}_slice_{n}.png" for name in names for case in "abc" for n in (0, 1)],
    )
    assert catalog.layout == "folder per split"
    assert splits(catalog)[f"{names[1]}b"] == "validation"
    assert len(splits(catalog)) == 9


@pytest.mark.parametrize("order", ["{split}/{label}", "{label}/{split}", "set/{split}/{label}"])
def test_a_folder_for_each_split_and_class(order: str, tmp_path: Path) -> None:
    catalog = tree(
        tmp_path,
        [
            f"{order.format(split=split, label=label)}/{split}{label}{case}/slice_{n}.png"
            for split in ("train", "val", "test")
            for label in ("well", "ill")
            for case in (1, 2)
            for n in range(3)
        ],
    )
    assert catalog.layout == "folder per split and class"
    assert catalog.labels == ("ill", "well")
    assert splits(catalog)["valill2"] == "validation"
    assert labels(catalog)["testwell1"] == "well"


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    catalog = tree(
        tmp_path, [f"{label}/p{case}{label}_T1.png" for label in ("AD", "NC") for case in range(4)]
    )
    assert catalog.layout == "folder per class"
    assert catalog.labels == ("AD", "NC")
    assert labels(catalog)["p1AD_T1"] == "AD"
    assert {entry.split for entry in catalog.entries} == {None}


@pytest.mark.parametrize(
    "folder", ["sub-{:02}", "patient_{}", "{:04}", "IXI{:03}", "BraTS20_{:03}", "subject{}/scans", "john{}"]
)
@pytest.mark.parametrize("file", ["slice_{}.png", "{}.png", "t{}.nii.gz"])
def test_folders_of_subjects_are_no_classes_and_never_torn(folder: str, file: str, tmp_path: Path) -> None:
    catalog = tree(tmp_path, [f"{folder.format(s)}/{file.format(n)}" for s in range(1, 7) for n in range(3)])
    assert catalog.layout == "flat folder"
    assert catalog.labels == ()
    by_folder = {entry.path.parts[0]: entry.subject for entry in catalog.entries}
    assert len(set(by_folder.values())) == len({entry.subject for entry in catalog.entries}) == 6


def test_folders_of_image_types_are_distinguished_from_classes(tmp_path: Path) -> None:
    catalog = tree(tmp_path, [f"{kind}/IXI{s:03}.nii.gz" for kind in ("T1w", "tissue") for s in range(4)])
    assert any("4 of 4 subjects are in more than one folder" in note for note in catalog.notes)


def test_grades_in_folders_are_classes(tmp_path: Path) -> None:
    catalog = tree(tmp_path, [f"grade_{g}/p{g}{n}.png" for g in (1, 2, 3) for n in range(3)])
    assert catalog.labels == ("grade_1", "grade_2", "grade_3")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["case_7_slice_3.png", "case_8_slice_0.nii.png"], ["case_7", "case_8"]),
        (["scan_1.png", "scan_2.png", "scan_3.png"], ["scan_1", "scan_2", "scan_3"]),
        (["AD_1.png", "AD_2.png", "MCI_1.png", "MCI_2.png", "NC_1.png", "NC_2.png"], None),
        (["11_1.png", "11_2.png", "12_1.png", "12_2.png", "13_1.png", "13_2.png"], ["11", "12", "13"]),
        (["p1/p1_a.nii", "p1/p1_b.nii", "p2/p2_a.nii", "p2/p2_b.nii", "p3/p3_b.nii", "p3/p3_c.nii"], None),
        (["sub-01_axial.png", "deep/sub-02/anat/x.png"], ["sub-01", "sub-02"]),
        (["images/anna_1.png", "images/bert_1.png"], ["anna_1", "bert_1"]),
    ],
)
def test_subjects_out_of_names(names: list[str], expected: list[str] | None, tmp_path: Path) -> None:
    found = subjects(tree(tmp_path, names))
    if expected is not None:
        assert sorted(set(found.values())) == expected
    elif "/" in names[0]:
        assert all(Path(path).parts[0] == subject for path, subject in found.items())
    else:
        assert all(Path(path).stem == subject for path, subject in found.items())


@pytest.mark.parametrize("place", [".", ".."])
def test_a_table_of_subjects_beside_the_scans(place: str, tmp_path: Path) -> None:
    folder = tmp_path / "axial"
    folder.mkdir()
    table = "subject,patient_group,label\nsub-01,g1,ill\nsub-02,g1,well\nsub-03,,\n"
    (folder / place / "subjects.csv").write_text(table)
    catalog = tree(folder, [f"sub-{n:02}_axial.png" for n in range(1, 5)])
    groups = {entry.subject: entry.group for entry in catalog.entries}
    assert groups == {"sub-01": "g1", "sub-02": "g1", "sub-03": "sub-03", "sub-04": "sub-04"}
    assert labels(catalog) == {"sub-01": "ill", "sub-02": "well", "sub-03": None, "sub-04": None}
    assert any("2 of 4 files have no label" in note for note in catalog.notes)


def test_a_table_of_subjects_names_folders_too(tmp_path: Path) -> None:
    (tmp_path / "subjects.csv").write_text("subject,label\nanna,ill\nbert,well\ncleo,ill\n")
    catalog = tree(
        tmp_path, [f"scans/{name}/left/{n}.png" for name in ("anna", "bert", "cleo") for n in (0, 1)]
    )
    assert labels(catalog) == {"anna": "ill", "bert": "well", "cleo": "ill"}


def test_a_table_without_a_subject_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "subjects.csv").write_text("age,sex\n3,f\n")
    with pytest.raises(CatalogError, match=r"none of the columns subject.*it has age, sex"):
        tree(tmp_path, ["a.png"])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_of_files(delimiter: str, tmp_path: Path) -> None:
    tree(tmp_path, [f"x/{name}.png" for name in "abc"])
    rows = [
        "\ufeffFile,Patient_ID,Split,Diagnosis",
        "x/a.png,p1,train,AD",
        "x/b.png,p2,Val,",
        "x/c.png,p3,test,NC",
    ]
    table = tmp_path / "scans.csv"
    table.write_text("\n".join(rows).replace(",", delimiter) + "\n", encoding="utf-8")
    catalog = read_catalog(table)
    assert catalog.layout == "table"
    assert catalog.root == tmp_path
    assert [(e.path.as_posix(), e.subject, e.split, e.label) for e in catalog.entries] == [
        ("x/a.png", "p1", "train", "AD"),
        ("x/b.png", "p2", "validation", None),
        ("x/c.png", "p3", "test", "NC"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column of paths.*it has nothing"),
        ("path,subject\n", "lists no files"),
        ("age,sex\n1,f\n", "no column of paths.*it has age, sex"),
        ("path,split\na.png,train\n,test\n", "line 3: no path"),
        ("path,split\na.png,holdout\n", "line 2: split is 'holdout'; use train, validation or test"),
        ("path,split\na.png,train\nb.png,\n", "some files a split and others none"),
        ("path\na.png\na.png\n", "lists 1 files more than once, such as a.png"),
    ],
)
def test_errors_in_a_csv_are_reported(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "scans.csv").write_text(text)
    with pytest.raises(CatalogError, match=message):
        read_catalog(tmp_path / "scans.csv")


def test_a_csv_without_subjects_takes_them_from_paths(tmp_path: Path) -> None:
    paths = [f"data/patient{s}/slice_{n}.png" for s in range(3) for n in range(2)]
    (tmp_path / "scans.csv").write_text("path\n" + "\n".join(paths))
    assert {entry.subject for entry in read_catalog(tmp_path / "scans.csv").entries} == {
        "patient0",
        "patient1",
        "patient2",
    }


def test_one_file_is_a_catalog(tmp_path: Path) -> None:
    (tmp_path / "brain.nii.gz").touch()
    catalog = read_catalog(tmp_path / "brain.nii.gz")
    assert [entry.path for entry in catalog.entries] == [Path("brain.nii.gz")]
    assert catalog.entries[0].subject == "brain"


def test_hidden_and_unsupported_files_are_ignored(tmp_path: Path) -> None:
    catalog = tree(
        tmp_path, ["a.png", ".b.png", ".cache/c.png", "d.svg", "e.svg", "f.txt", "dataset_description.json"]
    )
    assert [entry.path for entry in catalog.entries] == [Path("a.png")]
    assert catalog.notes == ("unsupported files are ignored: 2 .svg",)


@pytest.mark.parametrize(
    ("names", "message"),
    [([], "found no files; supported are .png"), (["a.svg", "b.svg"], "found 2 .svg; supported are .png")],
)
def test_a_folder_without_scans_is_refused_with_its_contents(
    names: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(CatalogError, match=message):
        tree(tmp_path, names)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="there is no folder"):
        read_catalog(tmp_path / "none")


def test_masks_strays_links_and_capitals(tmp_path):
    def touch(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")

    data = tmp_path / "data"
    for split in ("train", "test"):
        for number in range(12):
            touch(data / split / f"p{number}{split}.png")
            touch(data / split / f"p{number}{split}_mask.png")
    touch(data / "overview.png")
    catalog = read_catalog(data)
    assert len(catalog.entries) == 24
    assert {entry.split for entry in catalog.entries} == {"train", "test"}
    assert any("masks" in note for note in catalog.notes)
    assert any("outside of the split folders" in note for note in catalog.notes)

    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "inside").symlink_to(data / "train")
    (linked / "inside" / "again").symlink_to(data)  # a circle ends
    (linked / "subjects.csv").write_text("Subject ,Patient_Group,Diagnosis\np1train,g,n/a\np2train,g,AD\n")
    entries = {entry.subject: entry for entry in read_catalog(linked).entries}
    assert entries["p1train"].group == entries["p2train"].group == "g"
    assert (entries["p1train"].label, entries["p2train"].label) == (None, "AD")
