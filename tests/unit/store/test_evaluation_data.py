"""Who is who in other scans: by the run's pattern, and told where it says nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanvq.conditions.space import ConditionSpace
from scanvq.settings import DataSettings, PreparationSettings
from scanvq.store.evaluation_data import EvaluationData, prepare_evaluation_data
from scanvq.store.leakage import LeakError
from scanvq.store.run_data import RunData, prepare_data, survey_data

PATTERN = r"(pat\d+)"
RUN = DataSettings(subject=PATTERN)


def scans(folder: Path, names: list[str], *, seed: int) -> Path:
    """Noise, so that no two look alike."""
    folder.mkdir()
    random = np.random.default_rng(seed)
    for name in names:
        Image.fromarray(random.integers(0, 256, (64, 64), np.uint8)).save(folder / name)
    return folder


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    """Of ten patients; two of them are one person by a table."""
    names = [f"{site}_pat{number}_t2.png" for number in range(10) for site in ("north", "south")]
    folder = scans(tmp_path_factory.mktemp("own") / "scans", names, seed=0)
    rows = "\n".join(f"pat{number},one" for number in (0, 1))
    (folder / "subjects.csv").write_text(f"subject,patient_group\n{rows}\n")
    survey = survey_data(folder, RUN, PreparationSettings(), seed=0)
    return prepare_data(survey, PreparationSettings(), multiple=4)


def learned(own: RunData, group: str | None = None) -> str:
    """A subject in train, of the group asked for."""
    return next(
        entry.subject
        for entry in own.catalog.entries
        if entry.split == "train" and (group or entry.subject) == entry.group
    )


def other(
    folder: Path, own: RunData, data: DataSettings = RUN, *, allow_leak: bool = False
) -> EvaluationData:
    return prepare_evaluation_data(
        folder, lambda: own, data, own.preparation, ConditionSpace(), allow_leak=allow_leak
    )


def test_a_known_person_under_another_file_name_is_refused(own: RunData, tmp_path: Path) -> None:
    who = learned(own)
    folder = scans(tmp_path / "others", [f"2024-05-{who}-follow.png", "2024-05-pat99-first.png"], seed=1)
    with pytest.raises(
        LeakError, match=f"2024-05-{who}-follow.png .* one subject or group on two sides"
    ) as reported:
        other(folder, own)
    assert [leak.subjects for leak in reported.value.leaks] == [(who, who)]
    assert other(folder, own, allow_leak=True).unmatched == ""
    assert other(folder, own, DataSettings()).data.leaks == ()  # without the pattern nobody is recognized


def test_who_is_in_a_group_of_the_run_is_recognized_without_a_table(own: RunData, tmp_path: Path) -> None:
    sides = {entry.split for entry in own.catalog.entries if entry.group == "one"}
    assert sides == {"train"}, "choose other numbers for the table"
    folder = scans(tmp_path / "others", [f"late-{learned(own, 'one')}.png"], seed=2)
    with pytest.raises(LeakError):
        other(folder, own)
    (folder / "subjects.csv").write_text(f"subject,patient_group\n{learned(own, 'one')},other hospital\n")
    assert other(folder, own).data.leaks == ()


def test_files_that_the_pattern_does_not_find_are_told_and_the_others_are_compared(
    own: RunData, tmp_path: Path
) -> None:
    strange = scans(tmp_path / "strange", ["anna.png", "bert.png"], seed=3)
    found = other(strange, own)
    assert "finds no subject in 2 of 2 files: anna.png, bert.png;" in found.unmatched
    assert repr(PATTERN) in found.unmatched
    assert [entry.subject for entry in found.data.catalog.entries] == ["anna", "bert"]
    mixed = scans(tmp_path / "mixed", ["anna.png", f"late-{learned(own)}.png"], seed=4)
    with pytest.raises(LeakError, match="1 leaks"):
        other(mixed, own)
    assert "1 of 2 files: anna.png;" in other(mixed, own, allow_leak=True).unmatched


def test_a_copy_is_found_though_the_pattern_says_nothing(own: RunData, tmp_path: Path) -> None:
    strange = scans(tmp_path / "strange", ["anna.png"], seed=5)
    entry = next(entry for entry in own.catalog.entries if entry.split == "train")
    (strange / "bert.png").write_bytes((own.catalog.root / entry.path).read_bytes())
    with pytest.raises(LeakError, match=r"bert.png .* same scan"):
        other(strange, own)
