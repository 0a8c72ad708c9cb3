"""Headers of a catalog: order, unreadable files, image sizes of the survey."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanvq.cohort.catalog import Catalog, CatalogError, Entry
from scanvq.cohort.headers import Headers, read_headers
from scanvq.cohort.survey import Survey
from scanvq.imaging.formats import FORMATS, Header, Scan, UnreadableScan


def catalog(root: Path, splits: dict[str, str | None]) -> Catalog:
    entries = tuple(Entry(Path(name), name, name, split, None) for name, split in splits.items())
    return Catalog(root=root, layout="x", entries=entries, labels=(), notes=())


def test_every_entry_has_its_header_or_its_problem_in_order(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(60)]
    for number, name in enumerate(names):
        if number % 7 == 3:
            (tmp_path / name).write_bytes(b"no picture")
        elif number % 7 != 5:
            FORMATS["png"].write(tmp_path / name, Scan(slices=np.zeros((1, 10 + number, 9), np.uint8)))
    seen: list[tuple[int, int]] = []
    found = read_headers(
        tmp_path,
        catalog(tmp_path, dict.fromkeys(names)).entries,
        progress=lambda done, total: seen.append((done, total)),
    )
    kept = Headers(found)
    assert len(kept) == 60
    assert kept[4:7] == [kept[4], kept[5], kept[6]]
    for number, header in enumerate(kept):
        if number % 7 in (3, 5):
            assert isinstance(header, UnreadableScan)
            assert header.path == tmp_path / names[number]
        else:
            assert isinstance(header, Header)
            assert header.height == 10 + number
    assert seen == [(done, 60) for done in range(1, 61)]


def test_equal_headers_are_held_once(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        FORMATS["png"].write(tmp_path / name, Scan(slices=np.zeros((1, 4, 5), np.uint8)))
    names = ["a.png", "gone.png", "b.png", "lost.png"]
    kept = Headers(read_headers(tmp_path, catalog(tmp_path, dict.fromkeys(names)).entries))
    assert kept[0] is kept[2]
    assert len(kept.unique) == 3
    assert [str(problem).split(":")[0] for problem in (kept[1], kept[3])] == [
        str(tmp_path / "gone.png"),
        str(tmp_path / "lost.png"),
    ]


def test_sizes_count_the_chosen_slices_of_all_splits(tmp_path: Path) -> None:
    def write(name: str, shape: tuple[int, int, int]) -> None:
        one = FORMATS["nifti" if name.endswith("gz") else "png"]
        pixels = np.arange(np.prod(shape)).reshape(shape) % 99
        one.write(tmp_path / name, Scan(slices=pixels.astype(np.uint8)))

    write("a.png", (1, 8, 9))
    write("b.nii.gz", (5, 8, 9))
    write("c.png", (1, 4, 4))
    write("d.png", (1, 7, 7))
    (tmp_path / "e.png").touch()
    splits = {"a.png": "train", "b.nii.gz": None, "c.png": "test", "d.png": "validation", "e.png": "train"}
    pictures = {(8, 9): 1, (4, 4): 1, (7, 7): 1}
    assert Survey.of(catalog(tmp_path, splits)).sizes == {**pictures, (8, 9): 6}
    assert Survey.of(catalog(tmp_path, splits), plane="sagittal").sizes == {**pictures, (5, 8): 9}
    few = Survey.of(catalog(tmp_path, splits), plane="sagittal", slices="middle:2")
    assert few.sizes == {**pictures, (5, 8): 2}
    with pytest.raises(ValueError, match="slices is 'few'; it must be"):
        Survey.of(catalog(tmp_path, splits), slices="few")
    with pytest.raises(CatalogError, match=r"a\.png has no pixel spacing"):
        Survey.of(Catalog(tmp_path, "x", catalog(tmp_path, {"a.png": "train"}).entries, (), ()), spacing=1.0)
