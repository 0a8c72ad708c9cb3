"""Resume state: read as written, damage is an error, code is never run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

from scanvq.storage.resume import ResumeError, read_resume, save_resume


def test_saved_and_read_state_is_equal(tmp_path: Path) -> None:
    weights = torch.randn(3, 4)
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([parameter])
    parameter.sum().backward()
    optimizer.step()
    state = {
        "state": {"step": 7, "best": None, "finished": False, "history": [{"split": "train", "loss": 0.5}]},
        "objective": {"a": weights},
        "optimizers": {"player": optimizer.state_dict()},
    }
    save_resume(tmp_path / "resume.pt", state)
    again = read_resume(tmp_path / "resume.pt", dict)
    assert again is not None
    assert again["state"] == state["state"]
    assert torch.equal(again["objective"]["a"], weights)
    moments = again["optimizers"]["player"]["state"][0]
    assert torch.equal(moments["exp_avg"], optimizer.state[parameter]["exp_avg"])


def test_nothing_saved_yet(tmp_path: Path) -> None:
    assert read_resume(tmp_path / "resume.pt", dict) is None


@pytest.mark.parametrize("kept", [0, 100, -100])
def test_a_damaged_state_is_refused_with_a_remedy(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "resume.pt"
    save_resume(path, {"a": torch.zeros(100)})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ResumeError, match=r"resume\.pt cannot be read .*delete it"):
        read_resume(path, dict)


class CodeInState:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("harmed",)


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, 2))])
def test_code_in_a_state_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object) -> None:
    monkeypatch.chdir(tmp_path)
    write(CodeInState(), tmp_path / "resume.pt")  # type: ignore[operator]
    with pytest.raises(ResumeError, match="cannot be read"):
        read_resume(tmp_path / "resume.pt", dict)
    assert not (tmp_path / "harmed").exists()
