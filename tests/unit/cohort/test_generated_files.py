"""Files that ScanVQ generated, and its run directories, are not taken for scans."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from scanvq.cohort.catalog import CatalogError
from scanvq.cohort.catalog_reader import read_catalog
from scanvq.imaging.formats import FORMATS, Provenance, Scan

MARK = Provenance(model="0123456789abcdef", seed=3)
SUFFIXES = {"png": ".png", "jpeg": ".jpg", "nifti": ".nii.gz", "dicom": ".dcm", "npy": ".npy", "npz": ".npz"}


def _write(path: Path, provenance: Provenance | None = None, *, seed: int = 0, name: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (1, 9, 12), np.uint8)
    format = next(one for one in FORMATS.values() if path.name.endswith(one.suffixes))
    format.write(path, Scan(slices=pixels), provenance)


def _paths(folder: Path, *, allow_synthetic: bool = False) -> list[str]:
    return [entry.path.as_posix() for entry in read_catalog(folder, allow_synthetic=allow_synthetic).entries]


@pytest.mark.parametrize("kind", ["png", "jpeg", "nifti", "dicom", "npy"])
@pytest.mark.parametrize("provenance", [MARK, Provenance(model="0123456789abcdef")])
def test_marked_files_are_left_out_unless_asked_for(
    kind: str, provenance: Provenance, tmp_path: Path
) -> None:
    suffix = SUFFIXES[kind]
    _write(tmp_path / f"p1{suffix}")
    _write(tmp_path / f"p2{suffix}", seed=1)
    _write(tmp_path / "rebuilt" / f"p1{suffix}", provenance, seed=2)
    catalog = read_catalog(tmp_path)
    assert [entry.path.as_posix() for entry in catalog.entries] == [f"p1{suffix}", f"p2{suffix}"]
    note = next(note for note in catalog.notes if "marked as synthetic" in note)
    assert note.startswith("1 files are left out")
    assert f"rebuilt/p1{suffix}" in note
    assert "--allow-synthetic" in note
    asked = read_catalog(tmp_path, allow_synthetic=True)
    assert len(asked.entries) == 3
    assert not any("marked as synthetic" in note for note in asked.notes)


@pytest.mark.parametrize("kind", SUFFIXES)
def test_a_folder_or_a_file_with_nothing_else_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"p1{SUFFIXES[kind]}"
    _write(path, MARK)
    for named in (path, *([] if kind == "npz" else [tmp_path])):
        with pytest.raises(CatalogError, match="1 files are left out because they are marked as synthetic"):
            read_catalog(named)
        assert len(read_catalog(named, allow_synthetic=True).entries) == 1


@pytest.mark.parametrize("kind", SUFFIXES)
def test_the_provenance_of_every_format_is_found(kind: str, tmp_path: Path) -> None:
    for number, provenance in enumerate((MARK, None)):
        path = tmp_path / f"{number}{SUFFIXES[kind]}"
        _write(path, provenance)
        assert FORMATS[kind].provenance(path) == provenance
    path.write_bytes(b"damaged")
    assert FORMATS[kind].provenance(path) is None
    assert FORMATS[kind].provenance(tmp_path / f"missing{SUFFIXES[kind]}") is None


def test_a_table_leaves_marked_files_out(tmp_path: Path) -> None:
    _write(tmp_path / "a.png")
    _write(tmp_path / "b.png", MARK)
    table = tmp_path / "list.csv"
    table.write_text("path,subject,label\na.png,a,x\nb.png,b,y\n")
    catalog = read_catalog(table)
    assert [entry.subject for entry in catalog.entries] == ["a"]
    assert catalog.labels == ("x",)
    assert any("1 files are left out" in note and "b.png" in note for note in catalog.notes)
    assert len(read_catalog(table, allow_synthetic=True).entries) == 2
    table.write_text("path,subject\nb.png,b\n")
    with pytest.raises(CatalogError, match="marked as synthetic"):
        read_catalog(table)


@pytest.mark.parametrize(
    ("files", "kept"),
    [
        (("run.json", "recipe.toml"), False),
        (("run.json",), True),
        (("recipe.toml",), True),
        ((), True),
    ],
)
def test_run_directories_are_left_out(files: Sequence[str], kept: bool, tmp_path: Path) -> None:
    _write(tmp_path / "scans" / "p1.png")
    for name in ("fig.png", "tokenizer/image.png"):
        _write(tmp_path / "runs" / "first" / name)
    for name in files:
        (tmp_path / "runs" / "first" / name).write_text("")
    catalog = read_catalog(tmp_path)
    assert len(catalog.entries) == (3 if kept else 1)
    note = "1 run directories of ScanVQ are left out, such as runs/first"
    assert (note in catalog.notes) != kept


def test_a_run_directory_itself_is_refused(tmp_path: Path) -> None:
    _write(tmp_path / "fig.png")
    for name in ("run.json", "recipe.toml"):
        (tmp_path / name).write_text("")
    with pytest.raises(CatalogError, match=r"1 run directories of ScanVQ are left out, such as \."):
        read_catalog(tmp_path)


def test_a_synthetic_cohort_is_still_read(tmp_path: Path) -> None:
    (tmp_path / "SYNTHETIC.txt").write_text("a demo")
    _write(tmp_path / "p1.png")
    assert _paths(tmp_path) == ["p1.png"]
