"""Split assignment: predefined splits are kept; otherwise by group and seed, never by file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanvq.cohort.catalog import Catalog, CatalogError, Entry
from scanvq.cohort.splits import SPLITS, assign_splits


def catalog(groups: dict[str, str | None], *, files: int = 3) -> Catalog:
    """A catalog of groups and their splits; every group has two subjects with `files` files each."""
    entries = tuple(
        Entry(path=Path(f"{group}{s}_{n}.png"), subject=f"{group}{s}", group=group, split=split, label=None)
        for group, split in groups.items()
        for s in "ab"
        for n in range(files)
    )
    return Catalog(root=Path("scans"), layout="flat folder", entries=entries, labels=(), notes=("first",))


def of_groups(found: Catalog) -> dict[str, str | None]:
    splits: dict[str, str | None] = {}
    for entry in found.entries:
        assert splits.setdefault(entry.group, entry.split) == entry.split, f"{entry.group} is torn"
    return splits


def unsplit(count: int) -> dict[str, str | None]:
    return {f"g{number}": None for number in range(count)}


def test_groups_are_never_divided_and_fractions_are_as_requested() -> None:
    found = of_groups(assign_splits(catalog(unsplit(2000), files=1), validation=0.2, test=0.1))
    shares = {split: list(found.values()).count(split) / 2000 for split in SPLITS}
    assert shares == pytest.approx({"train": 0.7, "validation": 0.2, "test": 0.1}, abs=0.03)


def test_a_seed_is_a_split() -> None:
    scans = catalog(unsplit(100))
    assert assign_splits(scans, seed=3) == assign_splits(scans, seed=3)
    assert of_groups(assign_splits(scans, seed=3)) != of_groups(assign_splits(scans, seed=4))


def test_groups_stay_where_they_are_when_others_come_or_the_order_changes() -> None:
    few = of_groups(assign_splits(catalog(unsplit(100))))
    many = of_groups(assign_splits(catalog(dict(reversed(unsplit(150).items())))))
    assert {group: many[group] for group in few} == few


@pytest.mark.parametrize("count", [3, 4, 7])
@pytest.mark.parametrize("seed", range(12))
def test_no_split_is_empty(count: int, seed: int) -> None:
    assert set(of_groups(assign_splits(catalog(unsplit(count)), seed=seed)).values()) == set(SPLITS)


def test_shares_of_nothing_still_leave_no_split_empty() -> None:
    found = of_groups(assign_splits(catalog(unsplit(30)), validation=0, test=0))
    assert [list(found.values()).count(split) for split in SPLITS] == [28, 1, 1]


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_subjects_are_refused(count: int) -> None:
    with pytest.raises(CatalogError, match=rf"has {count} subject\(s\).*at least 3.*subjects\.csv"):
        assign_splits(catalog(unsplit(count)))


def test_official_splits_are_kept_as_they_are() -> None:
    official = catalog({"a": "train", "b": "validation", "c": "test"})
    assert assign_splits(official, seed=5, validation=0.5, test=0.5) == official


def test_a_missing_validation_is_taken_out_of_train_by_group_and_never_out_of_test() -> None:
    groups: dict[str, str | None] = {f"g{n}": "train" if n < 50 else "test" for n in range(80)}
    found = assign_splits(catalog(groups), validation=0.2)
    after = of_groups(found)
    assert {group for group, split in after.items() if split == "test"} == {f"g{n}" for n in range(50, 80)}
    assert 4 <= list(after.values()).count("validation") <= 18
    assert any("test is unchanged" in note for note in found.notes)
    assert found.notes[0] == "first"


@pytest.mark.parametrize("seed", range(6))
def test_validation_leaves_something_to_train_on(seed: int) -> None:
    groups: dict[str, str | None] = {"a": "train", "b": "train", "c": "test"}
    for share in (0.0, 1.0):
        found = of_groups(assign_splits(catalog(groups), seed=seed, validation=share))
        assert sorted(map(str, found.values())) == ["test", "train", "validation"]


def test_one_subject_to_train_on_cannot_be_divided() -> None:
    with pytest.raises(CatalogError, match="trains on one subject only"):
        assign_splits(catalog({"a": "train", "c": "test"}))


@pytest.mark.parametrize("missing", ["train", "test"])
def test_a_missing_predefined_split_is_refused(missing: str) -> None:
    there: dict[str, str | None] = {split: split for split in SPLITS if split != missing}
    with pytest.raises(CatalogError, match=f"is split, but has no {missing} files"):
        assign_splits(catalog(there))


@pytest.mark.parametrize("seed", range(20))
def test_labels_have_their_fraction_and_assignments_are_stable(seed: int) -> None:
    """Random cohorts of a rare and a common label, to which others come, in other places of the order."""
    random = np.random.default_rng(seed)
    sizes = {"AD": int(random.integers(200, 400)), "NC": int(random.integers(800, 1200))}
    people = {f"{label}{random.integers(1e9)}": label for label, size in sizes.items() for _ in range(size)}
    first = labeled(people, seed=seed)
    for label, size in sizes.items():
        own = [split for name, split in first.items() if people[name] == label]
        for split, share in (("validation", 0.1), ("test", 0.15)):
            spread = (share * (1 - share) / size) ** 0.5
            assert own.count(split) / size == pytest.approx(share, abs=4 * spread)
    newcomers = {f"new{number}": str(random.choice(["AD", "NC"])) for number in range(300)}
    together = {**newcomers, **people}
    names = random.permutation(list(together))
    later = labeled({str(name): together[name] for name in names}, seed=seed)
    assert {name: later[name] for name in first} == first


def labeled(people: dict[str, str], *, seed: int) -> dict[str, str | None]:
    entries = tuple(
        Entry(path=Path(f"{name}.png"), subject=name, group=name, split=None, label=label)
        for name, label in people.items()
    )
    scans = Catalog(root=Path("scans"), layout="flat", entries=entries, labels=("AD", "NC"), notes=())
    return of_groups(assign_splits(scans, seed=seed, validation=0.1, test=0.15))


def test_a_subject_of_several_labels_stays_on_one_side() -> None:
    entries = tuple(
        Entry(path=Path(f"{n}{label}.png"), subject=f"s{n}", group=f"s{n}", split=None, label=label)
        for n in range(60)
        for label in ("AD", "NC")
    )
    scans = Catalog(root=Path("scans"), layout="flat", entries=entries, labels=("AD", "NC"), notes=())
    assert set(of_groups(assign_splits(scans)).values()) == set(SPLITS)


def test_a_label_that_a_split_lacks_is_noted() -> None:
    entries = tuple(
        Entry(path=Path(f"{n}.png"), subject=f"s{n}", group=f"s{n}", split=split, label=label)
        for n, (split, label) in enumerate(
            [("train", "AD"), ("train", "NC"), ("validation", "AD"), ("validation", "NC"), ("test", "NC")]
        )
    )
    scans = Catalog(root=Path("scans"), layout="flat", entries=entries, labels=("AD", "NC"), notes=())
    assert assign_splits(scans).notes == ("no AD in test: define splits, or use another seed",)
