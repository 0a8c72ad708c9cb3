"""What a notebook shows, without a notebook: escaped tables, pictures, lines of progress."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from scanvq import api
from scanvq.notebook import display
from scanvq.notebook.table import html_table
from scanvq.planning.choice import Choice
from scanvq.planning.document import Plan
from scanvq.recipe.reading import read_recipe
from scanvq.storage.files import write_json
from scanvq.storage.run_directory import RunDirectory
from scanvq.training.history import run_records
from scanvq.training.loggers import notebook
from scanvq.training.loggers.notebook import NotebookLogger, notebook_progress


def test_every_cell_is_escaped() -> None:
    html = html_table("<i>", [("<b>a", "1 < 2", "&")])
    assert "<b>" not in html
    assert "<i>" not in html
    assert "&lt;b&gt;a</th>" in html
    assert html.count("<td") == 2


def test_a_plan_shows_its_settings_with_their_reasons() -> None:
    choice = Choice(key="prior.kind", value="maskgit", basis="given", reason="by <b>--set")
    plan = Plan(folder="<scans>", budget=90.0, seed=3, choices=(choice,), recipe=read_recipe("tiny"))
    assert repr(plan) == "Plan('<scans>': vqvae, gated_pixelcnn, 1.5 minutes, seed 3)"
    html = plan._repr_html_()
    assert "<b>" not in html
    assert "prior.kind</th>" in html
    assert "given: by &lt;b&gt;--set" in html


def test_a_picture_outside_a_notebook_opens_the_viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr(Image.Image, "show", lambda picture: shown.append(picture.size))
    buffer = io.BytesIO()
    Image.new("L", (5, 4)).save(buffer, "PNG")
    assert not display.in_notebook()
    display.show_png(buffer.getvalue())
    assert shown == [(5, 4)]


@pytest.mark.parametrize(("shell", "expected"), [(None, False), (SimpleNamespace(kernel=1), True)])
def test_a_kernel_is_a_notebook_and_a_terminal_is_none(
    monkeypatch: pytest.MonkeyPatch, shell: object, expected: bool
) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert display.in_notebook() is expected


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The texts of each line that a notebook would show."""
    found: list[list[str]] = []

    class Line:
        def __init__(self) -> None:
            found.append([])

        def set(self, text: str) -> None:
            found[-1].append(text)

    monkeypatch.setattr(notebook, "ChangingText", Line)
    return found


def test_a_stage_is_one_line_that_changes_and_ends_with_the_newest_values(lines: list[list[str]]) -> None:
    logger = NotebookLogger(seconds=60)
    for stage in ("tokenizer", "prior"):
        logger.begin(stage)
        for number in range(1, 11):
            logger.step(number / 10, 100.0 - number, {"loss": number / 4, "unknown": 7})
        logger.end(stage)
    assert len([line for line in lines if line]) == 2
    first, last = lines[-1]
    assert first.startswith("prior")
    assert "10%" in first
    assert "loss 0.25" in first
    assert "100%" in last
    assert "loss 2.5" in last
    assert "unknown" not in last


def test_counted_work_is_shown_from_its_first_call(lines: list[list[str]]) -> None:
    count = notebook_progress("prepare")
    assert not any(lines)
    for done in (1, 2, 3):
        count(done, 3)
    assert "100%" in lines[-1][-1]


@pytest.mark.slow
def test_fit_shows_its_progress_in_a_notebook_only(
    lines: list[list[str]],
    scans: Path,
    small: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, kernel in (("plain", False), ("notebook", True)):
        monkeypatch.setattr(api, "in_notebook", lambda kernel=kernel: kernel)
        api.fit(scans, out=tmp_path / name, recipe="tiny", overrides=small, epochs=1, device="cpu")
        assert bool(any(lines)) is kernel
    assert {"tokenizer", "prior"} <= {line[0].split()[0] for line in lines if line}


def test_the_history_is_a_list_without_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunDirectory(tmp_path)
    (tmp_path / "recipe.toml").touch()
    record = {"step": 1, "epoch": 0.5, "seconds": 3.0, "split": "train", "loss": 2.0}
    facts = {"elapsed": 3.0, "images": 8, "peak_memory_mb": 100.0}
    write_json(run.prior.history, {**facts, "history": [record]})
    rows = [{"stage": "prior", **record}]
    assert run_records(run) == rows
    fake = SimpleNamespace(directory=run)
    assert api.Run.history.fget(fake).to_dict("records") == rows
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pandas" else find(name))
    assert api.Run.history.fget(fake) == rows
