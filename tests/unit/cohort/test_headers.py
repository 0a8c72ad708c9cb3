"""The headers of a catalog: in order, bad ones beside good ones, sizes of what trains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.cohort.headers import image_sizes, read_headers
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
        catalog(tmp_path, dict.fromkeys(names)), progress=lambda done, total: seen.append((done, total))
    )
    for number, header in enumerate(found):
        if number % 7 in (3, 5):
            assert isinstance(header, UnreadableScan)
            assert header.path == tmp_path / names[number]
        else:
            assert isinstance(header, Header)
            assert header.height == 10 + number
    assert seen == [(done, 60) for done in range(1, 61)]


def test_sizes_count_the_slices_of_train_and_of_what_is_not_split(tmp_path: Path) -> None:
    def write(name: str, shape: tuple[int, int, int]) -> None:
        one = FORMATS["nifti" if name.endswith("gz") else "png"]
        one.write(tmp_path / name, Scan(slices=np.zeros(shape, np.uint8)))

    write("a.png", (1, 8, 9))
    write("b.nii.gz", (5, 8, 9))
    write("c.png", (1, 4, 4))
    write("d.png", (1, 7, 7))
    (tmp_path / "e.png").touch()
    splits = {"a.png": "train", "b.nii.gz": None, "c.png": "test", "d.png": "validation", "e.png": "train"}
    assert image_sizes(catalog(tmp_path, splits)) == {(8, 9): 6}
    assert image_sizes(catalog(tmp_path, splits), plane="sagittal") == {(8, 9): 1, (5, 8): 9}
    few = image_sizes(catalog(tmp_path, splits), plane="sagittal", slices="middle:2")
    assert few == {(8, 9): 1, (5, 8): 2}
    assert image_sizes(catalog(tmp_path, splits), slices="foreground") == {(8, 9): 6}
    with pytest.raises(ValueError, match="slices is 'few'; it must be"):
        image_sizes(catalog(tmp_path, splits), slices="few")
