"""The example notebook runs from its first cell to its last, and shows what it says."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the client's own event loop
]
FILE = Path(__file__).parents[2] / "docs/notebooks/first-model.ipynb"


def test_it_is_kept_without_outputs() -> None:
    cells = json.loads(FILE.read_text(encoding="utf-8"))["cells"]
    assert all(cell["outputs"] == [] for cell in cells if cell["cell_type"] == "code")


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(FILE, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [kind for output in outputs for kind in output.get("data", {})]
    assert shown.count("image/png") == 2
    html = [output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert "Plan for" in html[0]
    assert "Run runs/first" in html[1]
    lines = [output["data"]["text/plain"] for output in outputs if "text/plain" in output.get("data", {})]
    for stage in ("tokenizer", "prior"):
        assert any(line.startswith(stage) and "100%" in line for line in lines)
    assert "True" in lines
    assert lines[-1].startswith("{'image': torch.Size([4, 1, 64, 64])")
    assert not [output for output in outputs if output["output_type"] == "error"]
