"""Sources of conditions, and the values of the slices of a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from scanvq.cli.inspect_view import condition_lines
from scanvq.cohort.catalog import Catalog, CatalogError, Entry
from scanvq.cohort.catalog_reader import read_catalog
from scanvq.cohort.condition_sources import read_columns
from scanvq.cohort.condition_summary import summarize_conditions
from scanvq.cohort.conditions import used_columns
from scanvq.conditions.space import CategoryCondition, NumberCondition
from scanvq.imaging.formats import FORMATS, Scan
from scanvq.imaging.formats.dicom_conditions import dicom_conditions
from scanvq.imaging.geometry import Geometry
from scanvq.imaging.intensity import Intensity
from scanvq.store.dataset import SliceDataset
from scanvq.store.slice_conditions import measure_conditions, slice_conditions
from scanvq.store.store import Store, prepare_store

GEOMETRY = Geometry(height=8, width=8)
TABLE = "Subject_ID,diagnosis,age,Scanner Model,note,visit date\n" + "".join(
    f"case_{number},{'AD' if number % 2 else 'NC'},{60 + number},{'A' if number < 6 else 'B'},"
    f"{'' if number else 'n/a'},day {number}\n"
    for number in range(60)
)


def pictures(folder: Path, count: int = 12) -> Path:
    """A picture of each subject."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for number in range(count):
        pixels = random.integers(0, 256, (1, 8, 8), np.uint8)
        FORMATS["png"].write(folder / f"case_{number}.png", Scan(slices=pixels))
    return folder


def volumes(folder: Path, slices: int = 5, count: int = 3) -> Path:
    """NIfTI files of several slices, the first and the last of them empty."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for number in range(count):
        pixels = random.integers(1, 1000, (slices, 8, 8)).astype(np.int16)
        pixels[0] = pixels[-1] = 0
        FORMATS["nifti"].write(folder / f"case_{number}.nii", Scan(slices=pixels))
    return folder


def dicom(path: Path, **elements: Any) -> Path:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, generate_uid()
    data.SeriesInstanceUID = generate_uid(entropy_srcs=[str(path)])
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows = data.Columns = 8
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.PixelData = np.arange(64, dtype=np.uint8).tobytes()
    for name, value in elements.items():
        setattr(data, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def stored(catalog: Catalog, folder: Path, slices: str = "foreground") -> Store:
    return prepare_store(catalog, geometry=GEOMETRY, cache=folder, slices=slices)


def test_a_table_of_subjects_gives_its_columns(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "scans")
    (folder / "subjects.csv").write_text(TABLE)
    catalog = read_catalog(folder)
    assert catalog.labels == ("AD", "NC")
    columns = read_columns(catalog)
    # diagnosis is the label; of the notes none is known; every visit has a date of its own
    assert list(columns) == ["label", "age", "scanner_model", "visit_date"]
    assert columns["age"].is_number
    assert columns["age"].as_numbers().tolist() == [60.0 + number for number in range(12)]
    assert columns["scanner_model"].as_categories(("A", "B")).tolist() == [0] * 6 + [1] * 6
    assert columns["scanner_model"].as_categories(("B",)).tolist() == [1] * 6 + [0] * 6
    assert list(read_columns(catalog, ["age", "sex"])) == ["age"]


def test_a_text_of_its_own_for_everyone_is_no_category(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "scans", 60)
    (folder / "subjects.csv").write_text(TABLE)
    assert list(read_columns(read_catalog(folder))) == ["label", "age", "scanner_model"]


def test_few_numbers_are_categories_except_for_numeric_names(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "scans", 4)
    rows = "".join(f"case_{number},{number},{50 + number}\n" for number in range(4))
    (folder / "subjects.csv").write_text("subject,score,age\n" + rows)
    columns = read_columns(read_catalog(folder))
    assert (columns["score"].is_number, columns["age"].is_number) == (False, True)
    rows += "".join(f"case_{number},{number},{50 + number}\n" for number in range(4, 11))
    (folder / "subjects.csv").write_text("subject,score,age\n" + rows)
    assert read_columns(read_catalog(folder))["score"].is_number  # the table knows more than the scans


def test_contradictory_rows_are_ignored(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "scans", 3)
    text = "subject,age,sex\ncase_0,50,F\ncase_0,51,F\ncase_0,50,F\ncase_1,52,M\ncase_2,53,\n"
    (folder / "subjects.csv").write_text(text)
    columns = read_columns(read_catalog(folder))
    np.testing.assert_array_equal(columns["age"].as_numbers(), [np.nan, 52, 53])
    assert columns["sex"].as_categories(("F", "M")).tolist() == [0, 1, 2]


def test_participants_of_bids(tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").write_text(
        "participant_id\tage\tsex\tgroup\nsub-01\t40.5\tF\tAD\nsub-02\tn/a\tM\tNC\nsub-09\t9\tM\tNC\n"
    )
    for subject in ("sub-01", "sub-02"):
        (tmp_path / subject / "anat").mkdir(parents=True)
        (tmp_path / subject / "anat" / f"{subject}_T1w.nii.gz").touch()
    catalog = read_catalog(tmp_path)
    assert catalog.layout == "BIDS"
    columns = read_columns(catalog)
    assert list(columns) == ["label", "age", "sex"]
    np.testing.assert_array_equal(columns["age"].as_numbers(), np.array([40.5, np.nan], np.float32))


def test_dicom_headers_fill_values_missing_in_tables(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    dicom(folder / "a.dcm", PatientID="P1", PatientSex="F", PatientAge="070Y", Manufacturer="ACME")
    dicom(folder / "b.dcm", PatientID="P2", PatientSex="M", PatientAge="018M", ManufacturerModelName="X 3T")
    dicom(folder / "c.dcm", PatientID="P3", PatientAge="")
    (folder / "subjects.csv").write_text("subject,age\nP1,71\nP3,30\n")
    columns = read_columns(read_catalog(folder))
    assert list(columns) == ["age", "sex", "scanner"]
    np.testing.assert_array_equal(columns["age"].as_numbers(), [71, 1.5, 30])
    assert columns["sex"].as_categories(("F", "M")).tolist() == [0, 1, 2]
    assert columns["scanner"].as_categories(("ACME", "X 3T")).tolist() == [0, 1, 2]
    assert dicom_conditions(folder / "c.dcm") == {}


@pytest.mark.parametrize("plane", ["axial", "coronal"])
def test_the_position_of_a_slice_is_counted_in_its_whole_volume(plane: Any, tmp_path: Path) -> None:
    folder = volumes(tmp_path / "scans")
    catalog = read_catalog(folder)
    columns = used_columns(catalog, ["slice_position"], volumes=True)
    store = prepare_store(catalog, geometry=GEOMETRY, cache=tmp_path / "cache", plane=plane)
    conditions = measure_conditions(columns, store, np.arange(len(store)))
    (space,) = conditions.space.conditions
    assert isinstance(space, NumberCondition)
    if plane == "axial":  # the first and the last slice have no foreground
        np.testing.assert_allclose(conditions.values["slice_position"], [0.25, 0.5, 0.75] * 3)
        assert (space.low, space.high, space.mean) == (0.25, 0.75, 0.5)
    else:
        np.testing.assert_allclose(conditions.values["slice_position"][:8], np.arange(8) / 7, rtol=1e-6)


def test_a_slice_that_is_a_file_has_no_position(tmp_path: Path) -> None:
    folder = pictures(volumes(tmp_path / "scans", count=1), 1)
    (folder / "case_0.png").rename(folder / "picture.png")
    catalog = read_catalog(folder)
    store = stored(catalog, tmp_path / "cache")
    values = measure_conditions(
        used_columns(catalog, ["slice_position"], volumes=True), store, np.arange(4)
    ).values
    np.testing.assert_array_equal(values["slice_position"], [0.25, 0.5, 0.75, np.nan])


def test_a_batch_has_all_that_is_used(tmp_path: Path) -> None:
    folder = volumes(tmp_path / "scans")
    (folder / "subjects.csv").write_text("subject,age,sex,label\ncase_0,50,M,x\ncase_1,,F,\ncase_2,60,,y\n")
    catalog = read_catalog(folder)
    store = stored(catalog, tmp_path / "cache")
    columns = used_columns(catalog, ["slice_position", "sex", "age"], volumes=True)
    conditions = measure_conditions(columns, store, np.arange(6))
    assert conditions.space.names == ("slice_position", "sex", "age")
    assert conditions.space.labels == ()
    age = conditions.space.numbers[1]
    assert (age.low, age.high, age.mean, age.std) == (50, 50, 50, 1)  # case_2 is in no training row
    _, condition = SliceDataset(store, np.arange(2, 9), Intensity(kind="file"), conditions).batch(
        np.array([0, 1, 4])
    )
    assert condition.categories["sex"].tolist() == [1, 0, 2]
    np.testing.assert_array_equal(condition.numbers["age"].numpy(), [50, np.nan, 60])
    np.testing.assert_allclose(condition.numbers["slice_position"].numpy(), [0.75, 0.25, 0.25])


def test_labels_are_used_where_nothing_is_named(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "scans")
    assert used_columns(read_catalog(folder), (), volumes=False) == {}
    (folder / "subjects.csv").write_text(TABLE)
    catalog = read_catalog(folder)
    store = stored(catalog, tmp_path / "cache")
    conditions = measure_conditions(used_columns(catalog, (), volumes=False), store, np.arange(3))
    assert conditions.space.conditions == (CategoryCondition(name="label", values=("AD", "NC")),)
    expected = [catalog.labels.index(entry.label or "") for entry in catalog.entries]
    assert conditions.values["label"].tolist() == expected


def test_unknown_conditions_are_refused_with_the_available_ones(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "scans")
    (folder / "subjects.csv").write_text(TABLE)
    with pytest.raises(
        CatalogError, match=r"names sex, .* available: label, age, scanner_model, visit_date$"
    ):
        used_columns(read_catalog(folder), ["age", "sex"], volumes=False)
    with pytest.raises(CatalogError, match=r"names slice_position, .* available: label"):
        used_columns(read_catalog(folder), ["slice_position"], volumes=False)
    with pytest.raises(CatalogError, match="repeats a name"):
        used_columns(read_catalog(folder), ["age", "age"], volumes=False)
    nifti = read_catalog(volumes(tmp_path / "volumes"))
    with pytest.raises(CatalogError, match=r"names label, .* available: slice_position$"):
        used_columns(nifti, ["label"], volumes=True)


def test_a_number_absent_from_the_training_set_is_refused(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "scans", 3)
    (folder / "subjects.csv").write_text("subject,age\ncase_0,\ncase_1,60\ncase_2,61\n")
    catalog = read_catalog(folder)
    columns = used_columns(catalog, ["age"], volumes=False)
    with pytest.raises(CatalogError, match="names age, which no slice of the training set has"):
        measure_conditions(columns, stored(catalog, tmp_path / "cache"), np.arange(1))


def test_other_scans_have_the_conditions_of_a_run_that_they_know(tmp_path: Path) -> None:
    own, other = pictures(tmp_path / "own", 3), pictures(tmp_path / "other", 2)
    (own / "subjects.csv").write_text("subject,age,sex\ncase_0,50,F\ncase_1,60,M\ncase_2,61,M\n")
    (other / "subjects.csv").write_text("subject,sex\ncase_0,X\ncase_1,M\n")
    catalog, store = read_catalog(own), stored(read_catalog(own), tmp_path / "cache")
    conditions = measure_conditions(used_columns(catalog, ["age", "sex"], volumes=False), store, np.arange(3))
    others = read_catalog(other)
    found = slice_conditions(
        conditions.space,
        read_columns(others, conditions.space.names),
        stored(others, tmp_path / "cache"),
    )
    assert found.values["sex"].tolist() == [2, 1]
    assert np.isnan(found.values["age"]).all()
    assert found.digest != conditions.digest


def test_conditions_are_summarized(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "scans")
    (folder / "subjects.csv").write_text(TABLE)
    found = summarize_conditions(read_catalog(folder), volumes=2)
    assert found["age"] == {"kind": "number", "low": 60.0, "high": 71.0, "files": 12, "subjects": 12}
    assert found["label"]["values"] == {"AD": 6, "NC": 6}
    text = "\n".join(condition_lines(found))
    assert "age, number: 60 to 71; of 12 files of 12 subjects" in text
    assert "label, category: AD (6), NC (6); of 12 files of 12 subjects" in text
    assert "visit_date, category: day 0 (1), day 1 (1), day 10 (1)" in text
    assert ", and 4 more; of 12 files" in text
    assert "slice_position, number: 0 to 1; of 2 files" in text
    assert condition_lines({}) == []


def test_an_entry_without_a_table_is_absent(tmp_path: Path) -> None:
    entries = (Entry(path=Path("a.png"), subject="a", group="a", split=None, label=None),)
    assert read_columns(Catalog(root=tmp_path, layout="flat", entries=entries, labels=(), notes=())) == {}
