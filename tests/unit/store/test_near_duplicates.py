"""Near-duplicate search: transformed copies are found, scans of other people are not."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.imaging.geometry import Geometry
from scanvq.imaging.intensity import Intensity
from scanvq.store.image_matcher import SAME_SCAN_CORRELATION, ImageMatcher
from scanvq.store.leakage import Leak, LeakError, find_leaks
from scanvq.store.near_duplicates import find_near_duplicates
from scanvq.store.store import Store, prepare_store
from scanvq.synthetic.cohort import make_cohort

SIDE, PEOPLE = 128, 12
UNIT = Intensity(kind="full", low=0.0, high=255.0)


def recoded(image: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file).convert("L"))


def noisy(image: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 0.02 * 255, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def zoomed(image: np.ndarray) -> np.ndarray:
    """2 % smaller, as padded by two pixels and then brought to size again."""
    return np.asarray(Image.fromarray(np.pad(image, 2)).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "identical": lambda image: image,
    "recoded": recoded,
    "left-right": lambda image: image[:, ::-1],
    "upside down": lambda image: image[::-1],
    "turned": lambda image: image[::-1, ::-1],
    "shifted by 1": lambda image: np.roll(image, 1, axis=0),
    "shifted by 3": lambda image: np.roll(image, (3, -3), axis=(0, 1)),
    "brighter": lambda image: np.clip(image.astype(int) + 20, 0, 255).astype(np.uint8),
    "less contrast": lambda image: (image * 0.7 + 10).astype(np.uint8),
    "noisy": noisy,
    "cropped": lambda image: np.pad(image[2:-2, 2:-2], 2),
    "padded and resized": zoomed,
}


@pytest.fixture(scope="module")
def brains() -> list[np.ndarray]:
    """One slice each of twelve people, at the same level."""
    cohort = make_cohort(subjects=PEOPLE, slices=1, height=SIDE, width=SIDE)
    return [np.rint(one.image * 255).astype(np.uint8) for one in cohort]


def split_store(folder: Path, train: list[np.ndarray], test: list[np.ndarray]) -> Store:
    entries = []
    for split, images in (("train", train), ("test", test)):
        for number, image in enumerate(images):
            path = Path(f"{split}{number}.png")
            Image.fromarray(np.ascontiguousarray(image)).save(folder / path)
            entries.append(Entry(path=path, subject=path.stem, group=path.stem, split=split, label=None))
    catalog = Catalog(root=folder, layout="flat", entries=tuple(entries), labels=(), notes=())
    return prepare_store(
        catalog, geometry=Geometry(height=SIDE, width=SIDE), slices="all", cache=folder / "cache"
    )


@pytest.mark.parametrize("name", CHANGES)
def test_a_copy_is_found_and_no_other_scan(name: str, brains: list[np.ndarray], tmp_path: Path) -> None:
    store = split_store(tmp_path, brains[:8], [*brains[8:], CHANGES[name](brains[3])])
    found = find_near_duplicates(store, UNIT)
    assert [(one.first, one.second) for one in found] == [(3, 12)]
    assert SAME_SCAN_CORRELATION <= found[0].correlation <= 1.001


def test_candidate_search_finds_the_pairs_of_a_full_comparison(
    brains: list[np.ndarray], tmp_path: Path
) -> None:
    copies = [change(brains[n % 8]) for n, change in enumerate(CHANGES.values())]
    store = split_store(tmp_path, brains[:8], [*brains[8:], *copies])
    matcher = ImageMatcher(SIDE, SIDE)
    images = store.raw.astype(np.float32) / 255
    plain = {
        (first, second)
        for first in store.rows("train")
        for second in store.rows("test")
        for turned in (
            images[second],
            images[second, ::-1],
            images[second, :, ::-1],
            images[second, ::-1, ::-1],
        )
        if matcher.correlation(matcher.details(images[[first]])[0], matcher.details(turned[None])[0])
        >= SAME_SCAN_CORRELATION
    }
    assert {(duplicate.first, duplicate.second) for duplicate in find_near_duplicates(store, UNIT)} == plain
    assert len(plain) == len(CHANGES)


def test_nearly_empty_images_are_skipped(brains: list[np.ndarray], tmp_path: Path) -> None:
    empty = np.zeros((SIDE, SIDE), np.uint8)
    empty[60:66, 60:66] = 90
    store = split_store(tmp_path, [*brains[:4], empty], [*brains[4:8], empty])
    assert find_near_duplicates(store, UNIT) == []


def test_the_answer_is_kept_and_belongs_to_its_split(
    brains: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = split_store(tmp_path, brains[:4], [*brains[4:6], brains[2][:, ::-1]])
    (leak,) = find_leaks(store, UNIT)
    assert (leak.first, leak.second) == ("train2.png", "test2.png")
    assert "train2.png (train, train2) and test2.png (test, test2): same scan" in str(leak)
    calls: list[tuple[int, int]] = []
    assert find_leaks(store, UNIT, progress=lambda *call: calls.append(call)) == (leak,)
    assert calls == []
    with monkeypatch.context() as patch:  # as if the table now joined the two
        for name in ("train2", "test2"):
            entry = next(one for one in store.catalog.entries if one.subject == name)
            patch.setitem(entry.__dict__, "group", "joined")
        (torn,) = find_leaks(store, UNIT)
    assert torn.correlation is None
    assert "one subject or group on two sides" in str(torn)


def test_a_long_list_is_cut_short() -> None:
    leak = Leak(first="a", second="b", splits=("train", "test"), subjects=("x", "y"), slices=2, correlation=1)
    reported = str(LeakError([leak] * 13))
    assert reported.startswith("13 leaks")
    assert reported.count("same scan, correlation 1.00, 2 slices") == 10
    assert "and 3 more" in reported
    assert "--allow-leak" in reported


def test_details_of_one_image_correlate_with_themselves_only() -> None:
    random = np.random.default_rng(0)
    matcher = ImageMatcher(96, 64)
    first, second = matcher.details(random.random((2, 96, 64), np.float32))
    assert matcher.correlation(first, first) == pytest.approx(1, abs=1e-4)
    assert matcher.correlation(first, second) < 0.3
    assert matcher.correlation(first, np.zeros_like(first)) == 0
