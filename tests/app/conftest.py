"""A tiny trained run with labels, and the app that serves it: once for all tests."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

import scanvq
from scanvq.app.limits import Limits
from scanvq.app.served_model import ServedModel, open_model
from scanvq.app.uploads import Upload, take_upload
from scanvq.types import Progress

UPLOAD_LIMIT = 200_000  # bytes
SERVER = """
import json, sys
from pathlib import Path
from scanvq.app.limits import Limits
from scanvq.app.serve import running_app
from scanvq.app.served_model import open_model
served = open_model(Path(sys.argv[1]), device="cpu", audit=True, progress_for=lambda name: lambda *_: None)
with running_app(served, compared=served, limits=Limits(**json.loads(sys.argv[2]))) as address:
    print(address, flush=True)
    sys.stdin.read()
"""


def silent(name: str) -> Progress:
    return lambda done, total: None


@pytest.fixture(scope="session")
def run(scans: Path, small: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tests must not change it."""
    out = tmp_path_factory.mktemp("runs") / "tiny run"
    overrides = (*small, 'data.conditions=["label"]')
    scanvq.fit(scans, out=out, recipe="tiny", overrides=overrides, epochs=1, device="cpu")
    return out


@pytest.fixture(scope="session")
def served(run: Path) -> ServedModel:
    return open_model(run, device="cpu", audit=True, progress_for=silent)


@pytest.fixture(scope="session")
def limits() -> Limits:
    return Limits(images=8, completions=3, quiz_images=8, upload_bytes=UPLOAD_LIMIT)


@pytest.fixture
def upload(served: ServedModel, scans: Path, limits: Limits, tmp_path: Path) -> Upload:
    file = Path(shutil.copy(scans / "s00_0.png", tmp_path))
    return take_upload(served.model, str(file), folder=tmp_path, limits=limits)


@pytest.fixture(scope="session")
def address(run: Path, limits: Limits, environment: dict[str, str]) -> Iterator[str]:
    """The app in a process of its own, with the model compared with itself."""
    if importlib.util.find_spec("gradio") is None:
        pytest.skip("the extra `app` is not installed")
    command = [sys.executable, "-c", SERVER, str(run), json.dumps(asdict(limits))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            found = process.stdout.readline().strip().rstrip("/")
            assert found.startswith("http://127.0.0.1:"), found
            yield found
            process.communicate("", timeout=60)
        finally:
            process.kill()
