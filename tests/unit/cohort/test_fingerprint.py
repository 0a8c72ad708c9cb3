"""The fingerprint describes the files of a folder and reports irregularities."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from scanvq.cli.inspect_view import fingerprint_lines
from scanvq.cohort.catalog import Catalog, Entry
from scanvq.cohort.pixel_summary import SAMPLE
from scanvq.cohort.survey import Survey
from scanvq.imaging.formats import FORMATS, Scan
from scanvq.imaging.formats.format import Format, Plane
from scanvq.imaging.formats.orientation import orientation_of


def slices(seed: int, shape: tuple[int, ...] = (1, 12, 10)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def catalog(root: Path, names: list[str], **changes: str) -> Catalog:
    entries = tuple(
        Entry(
            path=Path(name),
            subject=name.split("_")[0],
            group=name.split("_")[0],
            split=changes.get("split"),
            label=("AD", "NC")[number % 2] if changes.get("labels") else None,
        )
        for number, name in enumerate(names)
    )
    labels = ("AD", "NC") if changes.get("labels") else ()
    return Catalog(root=root, layout="flat folder", entries=entries, labels=labels, notes=("a note",))


def cohort(root: Path) -> list[str]:
    names = [f"p{number // 2}_{number}.png" for number in range(6)]
    for number, name in enumerate(names):
        FORMATS["png"].write(root / name, Scan(slices=slices(number)))
    return names


def test_a_good_folder(tmp_path: Path) -> None:
    found = Survey.of(catalog(tmp_path, cohort(tmp_path), split="train", labels="yes")).fingerprint
    assert (found["files"], found["slices"], found["subjects"], found["groups"]) == (6, 6, 3, 3)
    assert found["splits"] == {"train": {"files": 6, "slices": 6, "subjects": 3}}
    assert found["labels"] == {"AD": 3, "NC": 3}
    assert found["sizes"] == {"12x10": 6}
    assert found["types"] == {"uint8": 6}
    assert found["formats"] == {".png": 6}
    assert found["odd"] == []
    values = found["intensities"]
    assert (
        0 <= values["minimum"] <= values["p1"] <= values["p50"] <= values["p99"] <= values["maximum"] <= 255
    )
    assert values["foreground"] == pytest.approx(0.9, abs=0.03)
    assert json.loads(json.dumps(found)) == found
    text = "\n".join(fingerprint_lines(found))
    for reported in (
        "flat folder",
        "6 files, 6 slices, 3 subjects",
        "AD (3), NC (3)",
        "12x10 (6)",
        "note: a note",
    ):
        assert reported in text


def test_irregularities_are_reported(tmp_path: Path) -> None:
    names = cohort(tmp_path)
    (tmp_path / names[0]).write_bytes(b"")
    FORMATS["png"].write(tmp_path / names[1], Scan(slices=np.full((1, 12, 10), 9, np.uint8)))
    (tmp_path / names[2]).write_bytes((tmp_path / names[3]).read_bytes())
    Image.fromarray(slices(9)[0]).convert("RGB").save(tmp_path / names[4])
    FORMATS["png"].write(tmp_path / names[5], Scan(slices=slices(8, (1, 14, 10)).astype(np.uint16) * 9))
    values = slices(7, (3, 12, 10)).astype(np.float32)
    values[0, 0, 0] = np.nan
    FORMATS["nifti"].write(tmp_path / "p9_1.nii.gz", Scan(slices=values))
    Image.fromarray(slices(5)[0]).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:-60])
    Image.fromarray(np.stack([slices(1)[0], slices(2)[0], slices(3)[0]], -1)).save(tmp_path / "colored.png")
    found = Survey.of(
        catalog(tmp_path, [*names, "p9_1.nii.gz", "cut.png", "colored.png", "gone.png"])
    ).fingerprint
    odd = "\n".join(found["odd"])
    for reported in (
        f"{names[0]}: empty file",
        f"{names[1]}: constant",
        f"{names[3]} has the same pixels as {names[2]}",
        "2 files: stored as RGB",
        "1 slices are not 12x10",
        "files differ in pixel type",
        "p9_1.nii.gz: 1 of 360 pixels are NaN",
        "cut.png: truncated",
        "colored.png: colored, not gray",
        "gone.png: no such file",
    ):
        assert reported in odd
    assert found["files"] == 10
    assert found["slices"] == 10  # of the eight files with a header, one of which holds three
    assert found["formats"] == {".png": 9, ".nii.gz": 1}


def test_orientation_spacing_and_foreground_box(tmp_path: Path) -> None:
    """Orientation and spacing from headers, the box around what is bright, slices a subject."""
    stored_as = {"a_0": ("LPS", slice(20, 80)), "a_1": ("LPS", slice(30, 90)), "b_0": ("RAS", slice(40, 60))}
    for name, (codes, rows) in stored_as.items():
        shown = np.full((3, 100, 200), 7, np.int16)
        shown[:, rows, 50:150] = 900
        shown[1, 0, 0] = 900  # a speck
        turn = nib.orientations.axcodes2ornt(codes)
        signs = np.where(turn[:, 1] > 0, 1.0, -1.0)
        affine = np.diag([*(np.array([0.5, 2.0, 3.0]) * signs), 1.0])
        stored = orientation_of(affine, "axial").to_stored(shown)
        nib.save(nib.Nifti1Image(stored, affine), tmp_path / f"{name}.nii.gz")
    found = Survey.of(catalog(tmp_path, ["a_0.nii.gz", "a_1.nii.gz", "b_0.nii.gz"])).fingerprint
    assert found["orientations"] == {"LPS": 2, "RAS": 1}
    assert found["spacings"] == {"2x0.5": 3}
    assert found["slices_a_subject"] == {"fewest": 3, "median": 4.5, "most": 6}
    assert found["foreground_box"] == {"top": 0.2, "bottom": 0.9, "left": 0.25, "right": 0.75}
    text = "\n".join(fingerprint_lines(found))
    assert "orientations: LPS (2), RAS (1)" in text
    assert "slices per subject: 3 to 6, median 4.5" in text
    assert "foreground within rows 20% to 90%, columns 25% to 75%" in text
    assert "differ in orientation of the stored axes" in text


def test_a_folder_of_nothing_readable(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    found = Survey.of(catalog(tmp_path, ["a.png"])).fingerprint
    assert found["slices"] == 0
    assert found["intensities"] == found["foreground_box"] == found["slices_a_subject"] == {}
    assert len(found["odd"]) == 1
    assert "warning: " in fingerprint_lines(found)[-1]


def test_only_some_files_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"p{number}_0.png" for number in range(3 * SAMPLE)]
    for number, name in enumerate(names):
        FORMATS["png"].write(tmp_path / name, Scan(slices=slices(number)))
    read: list[Path] = []
    original = type(FORMATS["png"]).read

    def progress_for(self: Format, path: Path, *, plane: Plane = "axial") -> Scan:
        read.append(path)
        return original(self, path, plane=plane)

    monkeypatch.setattr(type(FORMATS["png"]), "read", progress_for)
    assert Survey.of(catalog(tmp_path, names)).fingerprint["files"] == 3 * SAMPLE
    assert len(read) == SAMPLE
