"""A run identifies its scans by content, not by folder or time of modification."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import scanvq
from scanvq.cohort.catalog import CatalogError
from scanvq.store.run_data import DataChangedError


@pytest.fixture
def own(scans: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scans, tmp_path / "own"))


@pytest.fixture
def run(own: Path, small: tuple[str, ...], tmp_path: Path) -> Path:
    scanvq.fit(own, out=tmp_path / "run", recipe="tiny", overrides=small, epochs=1)
    return tmp_path / "run"


def pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.png"))


def test_files_with_new_times_are_the_same(own: Path, run: Path, tmp_path: Path) -> None:
    before = scanvq.load(run).evaluate()
    codes = (run / "codes/train.npz").stat().st_mtime_ns
    for path in pictures(own):
        path.touch()
    assert scanvq.load(run).evaluate()["tokenizer"] == before["tokenizer"]
    scanvq.fit(None, out=tmp_path / "prior", tokenizer=run, epochs=1)
    assert (tmp_path / "prior/codes/train.npz").stat().st_mtime_ns == codes  # taken over, not encoded again
    done = json.loads((run / "tokenizer/history.json").read_text())["step"]
    scanvq.fit(None, out=run, resume=True, epochs=2)
    assert json.loads((run / "tokenizer/history.json").read_text())["step"] == 2 * done


def test_moved_scans_are_read_from_their_new_folder(own: Path, run: Path, tmp_path: Path) -> None:
    before = scanvq.load(run).evaluate()
    own.rename(tmp_path / "elsewhere")
    with pytest.raises(DataChangedError, match=r"are not in .*own.* --resume"):
        scanvq.load(run).evaluate()
    scanvq.fit(tmp_path / "elsewhere", out=run, resume=True)
    assert json.loads((run / "data.json").read_text())["folder"] == str(tmp_path / "elsewhere")
    assert scanvq.load(run).evaluate()["tokenizer"] == before["tokenizer"]


def test_other_scans_raise_and_do_not_change_the_run(own: Path, run: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(own, tmp_path / "other"))
    changed = pictures(other)[0]
    pixels = np.array(Image.open(changed))
    pixels[pixels.shape[0] // 2] ^= 255
    Image.fromarray(pixels).save(changed)
    kept = (run / "data.json").read_bytes(), (run / "run.json").read_bytes()
    with pytest.raises(DataChangedError, match="files were changed"):
        scanvq.fit(other, out=run, resume=True)
    changed.unlink()
    with pytest.raises(DataChangedError, match=changed.name):
        scanvq.fit(other, out=run, resume=True)
    assert kept == ((run / "data.json").read_bytes(), (run / "run.json").read_bytes())
    with pytest.raises(CatalogError, match="there is no folder"):
        scanvq.fit(tmp_path / "nowhere", out=run, resume=True)
    scanvq.fit(None, out=run, resume=True)  # its own are there
