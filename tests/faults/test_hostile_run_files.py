"""Files of a run that are damaged or made by others: one sentence that names the file and the field."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scanvq.imaging.formats import Scan
from scanvq.inference.code_file import CodeFileError, Origin, read_code_file, write_codes
from scanvq.settings import DataSettings
from scanvq.storage.files import DamagedFileError, read_json
from scanvq.storage.resume import ResumeError, read_resume, save_resume
from scanvq.storage.run_directory import RunDirectory, RunError
from scanvq.store.run_data import reopen_data
from scanvq.training.fit import resumed_run
from scanvq.training.stage import SavedStage

CODES = (torch.arange(2 * 3 * 4).reshape(2, 3, 4), torch.arange(2 * 6 * 8).reshape(2, 6, 8))


@pytest.mark.parametrize("text", ["", "{", "nul", "[" * 200_000, '{"a": 1,}', "\ud800"])
def test_json_that_is_none_names_its_file(text: str, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(DamagedFileError, match=r"run\.json is damaged"):
        read_json(file)
    file.write_text('{"a": [1, null]}')
    assert read_json(file) == {"a": [1, None]}


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ({}, "older ScanVQ|no format number"),
        ([], "no format number"),
        (None, "no format number"),
        ({"format": "2"}, "no format number"),
        ({"format": 2}, r"run\.json is damaged \(folder: Field required"),
        ({"format": 2, "folder": 5}, r"run\.json is damaged \(folder: Input should be a valid string"),
        ({"format": 2, "folder": "x", "seed": "many"}, r"\(seed: "),
        ({"format": 2, "folder": "x", "budget": [1]}, r"\(budget: "),
    ],
)
def test_settings_of_a_run_are_typed(settings: Any, reported: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text('extends = "tiny"')
    (tmp_path / "run.json").write_text(json.dumps(settings))
    with pytest.raises((RunError, DamagedFileError), match=reported):
        resumed_run(RunDirectory(tmp_path))
    (tmp_path / "run.json").write_text(json.dumps({"format": 2, "folder": "x"}))
    assert resumed_run(RunDirectory(tmp_path))[1].folder == "x"


@pytest.mark.parametrize("record", [None, [], {}, {"entries": None}, {"folder": "x", "entries": [[1]]}])
def test_the_record_of_the_data_is_typed(record: Any) -> None:
    with pytest.raises(DamagedFileError, match=r"data\.json is damaged \("):
        reopen_data(record, DataSettings())


@pytest.mark.parametrize("state", [[1, 2], 5, torch.zeros(3)])
def test_a_resume_state_of_something_else_is_refused(state: Any, tmp_path: Path) -> None:
    file = tmp_path / "resume.pt"
    torch.save(state, file)
    with pytest.raises(ResumeError, match="holds no resume state"):
        read_resume(file, SavedStage)
    for damage in (b"", b"PK\x03\x04", file.read_bytes()[:-40]):
        file.write_bytes(damage)
        with pytest.raises(ResumeError, match="delete it to train this stage again"):
            read_resume(file, SavedStage)
    whole = {
        "depends_on": "x",
        "state": {"step": 3},
        "precision": {},
        "objective": {},
        "optimizers": {},
    }
    save_resume(file, {**whole, "optimizers": 5})
    with pytest.raises(ResumeError, match=r"resume\.pt is damaged \(optimizers: "):
        read_resume(file, SavedStage)
    save_resume(file, whole)
    found = read_resume(file, SavedStage)
    assert found is not None
    assert found.state.step == 3


def _codes(path: Path) -> dict[str, np.ndarray]:
    """A code file of a volume of two slices, and its arrays."""
    origin = Origin.of("a.nii", Scan(slices=np.arange(2 * 5 * 7, dtype=np.int16).reshape(2, 5, 7)))
    write_codes(path, "0123", CODES, [origin])
    with np.load(path) as saved:
        return dict(saved)


DAMAGE: dict[str, tuple[Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]], str]] = {
    "more slices than codes": (
        lambda a: {"shapes": a["shapes"] * [10**9, 1, 1]},
        "not fit its codes of 2",
    ),
    "a huge slice": (lambda a: {"shapes": np.array([[2, 10**6, 10**6]])}, "larger than those of any scan"),
    "no slice": (lambda a: {"shapes": np.array([[0, 5, 7]])}, "do not fit its codes"),
    "shapes of two axes": (lambda a: {"shapes": a["shapes"][:, :2]}, "array shapes does not fit its 1 files"),
    "shapes of floats": (lambda a: {"shapes": a["shapes"] * 1.5}, "array shapes does not fit"),
    "another dtype": (lambda a: {"dtypes": np.array(["complex64"])}, "its dtypes are complex64"),
    "a dtype of objects": (lambda a: {"dtypes": np.array(["object"])}, "its dtypes are object"),
    "dtypes as numbers": (lambda a: {"dtypes": np.array([1])}, "array dtypes does not fit"),
    "an infinite range": (lambda a: {"ranges": a["ranges"] + [[0, np.inf]]}, "holds no ranges"),
    "a range turned around": (lambda a: {"ranges": a["ranges"][:, ::-1] + [[1, 0]]}, "holds no ranges"),
    "spacings of another file": (lambda a: {"spacings": np.zeros((3, 2))}, "array spacings does not fit"),
    "levels of other images": (lambda a: {"level_1": a["level_1"][:1]}, "different numbers of images"),
    "codes as floats": (lambda a: {"level_0": a["level_0"] * 0.5}, "integers of shape"),
    "codes without axes": (lambda a: {"level_0": a["level_0"].ravel()}, "integers of shape"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_code_files_that_do_not_fit_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "codes.npz"
    arrays = _codes(path)
    change, reported = DAMAGE[name]
    np.savez(path, **{**arrays, **change(arrays)})
    with pytest.raises(CodeFileError, match=reported):
        read_code_file(path, tokenizer_id="0123")
    np.savez(path, **arrays)
    codes, origins = read_code_file(path, tokenizer_id="0123")
    assert [level.shape for level in codes] == [level.shape for level in CODES]
    assert origins[0].shape == (2, 5, 7)


def test_flipped_bits_of_a_code_file_are_found(tmp_path: Path) -> None:
    path = tmp_path / "codes.npz"
    _codes(path)
    whole = path.read_bytes()
    for position in range(40, len(whole), len(whole) // 60):
        flipped = bytearray(whole)
        flipped[position] ^= 4
        path.write_bytes(flipped)
        try:
            codes, _ = read_code_file(path, tokenizer_id="0123")
        except CodeFileError:
            continue
        assert all(torch.equal(one, other) for one, other in zip(codes, CODES, strict=True))
