"""Subject identification in evaluation data: by the pattern of the run; unmatched files are reported."""

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
def run_data(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    """Of ten patients; two of them are one person by a table."""
    names = [f"{site}_pat{number}_t2.png" for number in range(10) for site in ("north", "south")]
    folder = scans(tmp_path_factory.mktemp("run_data") / "scans", names, seed=0)
    rows = "\n".join(f"pat{number},one" for number in (0, 1))
    (folder / "subjects.csv").write_text(f"subject,patient_group\n{rows}\n")
    survey = survey_data(folder, RUN, PreparationSettings(), seed=0)
    return prepare_data(survey, PreparationSettings(), multiple=4)


def training_subject(run_data: RunData, group: str | None = None) -> str:
    """A subject in train, of the group asked for."""
    return next(
        entry.subject
        for entry in run_data.catalog.entries
        if entry.split == "train" and (group or entry.subject) == entry.group
    )


def other(
    folder: Path, run_data: RunData, data: DataSettings = RUN, *, allow_leak: bool = False
) -> EvaluationData:
    return prepare_evaluation_data(
        folder, lambda: run_data, data, run_data.preparation, ConditionSpace(), allow_leak=allow_leak
    )


def test_a_known_person_under_another_file_name_is_refused(run_data: RunData, tmp_path: Path) -> None:
    subject = training_subject(run_data)
    folder = scans(tmp_path / "others", [f"2024-05-{subject}-follow.png", "2024-05-pat99-first.png"], seed=1)
    with pytest.raises(
        LeakError, match=f"2024-05-{subject}-follow.png .* one subject or group on two sides"
    ) as reported:
        other(folder, run_data)
    assert [leak.subjects for leak in reported.value.leaks] == [(subject, subject)]
    assert other(folder, run_data, allow_leak=True).unmatched == ""
    assert (
        other(folder, run_data, DataSettings()).data.leaks == ()
    )  # without the pattern nobody is recognized


def test_groups_of_the_run_are_recognized_without_a_table(run_data: RunData, tmp_path: Path) -> None:
    sides = {entry.split for entry in run_data.catalog.entries if entry.group == "one"}
    assert sides == {"train"}, "choose other numbers for the table"
    folder = scans(tmp_path / "others", [f"late-{training_subject(run_data, 'one')}.png"], seed=2)
    with pytest.raises(LeakError):
        other(folder, run_data)
    (folder / "subjects.csv").write_text(
        f"subject,patient_group\n{training_subject(run_data, 'one')},other hospital\n"
    )
    assert other(folder, run_data).data.leaks == ()


def test_unmatched_files_are_reported_and_the_others_are_compared(run_data: RunData, tmp_path: Path) -> None:
    strange = scans(tmp_path / "strange", ["anna.png", "bert.png"], seed=3)
    found = other(strange, run_data)
    assert "finds no subject in 2 of 2 files: anna.png, bert.png;" in found.unmatched
    assert repr(PATTERN) in found.unmatched
    assert [entry.subject for entry in found.data.catalog.entries] == ["anna", "bert"]
    mixed = scans(tmp_path / "mixed", ["anna.png", f"late-{training_subject(run_data)}.png"], seed=4)
    with pytest.raises(LeakError, match="1 leaks"):
        other(mixed, run_data)
    assert "1 of 2 files: anna.png;" in other(mixed, run_data, allow_leak=True).unmatched


def test_a_copy_of_an_unmatched_file_is_found(run_data: RunData, tmp_path: Path) -> None:
    strange = scans(tmp_path / "strange", ["anna.png"], seed=5)
    entry = next(entry for entry in run_data.catalog.entries if entry.split == "train")
    (strange / "bert.png").write_bytes((run_data.catalog.root / entry.path).read_bytes())
    with pytest.raises(LeakError, match=r"bert.png .* same scan"):
        other(strange, run_data)
