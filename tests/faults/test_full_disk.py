"""A disk that is full while a file is written: one sentence, the old file, and nothing else."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from scanvq.cli.main import main
from scanvq.storage.files import atomic_write, system_error_text, write_json
from scanvq.storage.resume import save_resume

FULL = {
    "disk": OSError(errno.ENOSPC, "No space left on device"),
    "quota": OSError(errno.EDQUOT, "Disk quota exceeded"),
    "file size limit": OSError(errno.EFBIG, "File too large"),
    "PyTorch": RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"),
    "safetensors": SafetensorError("I/O error: No space left on device (os error 28)"),
    "safetensors at a limit": SafetensorError("I/O error: File too large (os error 27)"),
}
OTHER = {
    "no permission": PermissionError(errno.EACCES, "Permission denied"),
    "a defective disk": OSError(errno.EIO, "Input/output error"),
    "another error of PyTorch": RuntimeError("CUDA error: an illegal memory access"),
    "a wrong value": ValueError("bad"),
}


def _write_and_fail(path: Path, error: Exception) -> None:
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"half")
        raise error


@pytest.mark.parametrize("kind", FULL)
def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "resume.pt"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match=r"no space left on the disk to write resume\.pt.*--resume") as caught:
        _write_and_fail(path, FULL[kind])
    assert caught.value.errno == errno.ENOSPC
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("kind", OTHER)
def test_other_errors_stay_what_they_are(kind: str, tmp_path: Path) -> None:
    with pytest.raises(type(OTHER[kind])) as caught, atomic_write(tmp_path / "resume.pt"):
        raise OTHER[kind]
    assert caught.value is OTHER[kind]
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_every_size_of_the_rest_of_a_disk_gives_the_sentence(tmp_path: Path) -> None:
    """A limit on the size of files stands for the rest of a disk; PyTorch and Python write up to it."""
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for rest in (1, 100, 5_000, 60_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (rest, before[1]))
            with pytest.raises(OSError, match="no space left on the disk"):
                save_resume(tmp_path / "resume.pt", {"weights": torch.zeros(50_000)})
            with pytest.raises(OSError, match="no space left on the disk"):
                write_json(tmp_path / "data.json", ["x" * 100_000])
            assert not list(tmp_path.iterdir())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    save_resume(tmp_path / "resume.pt", {"weights": torch.zeros(50_000)})


def test_a_defective_disk_under_safetensors_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output error") as caught:
        _write_and_fail(tmp_path / "best.safetensors", SafetensorError("I/O error: any (os error 5)"))
    assert system_error_text(caught.value) == f"{tmp_path / 'best.safetensors'}: Input/output error"


def test_the_command_ends_with_the_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    monkeypatch.setattr(sys, "argv", ["scanvq", "recipes", "copy", "tiny", str(tmp_path / "mine.toml")])
    with pytest.raises(SystemExit) as stopped:
        main()
    shown = capsys.readouterr().err
    assert stopped.value.code == 2
    assert "Traceback" not in shown
    assert shown.startswith("scanvq: no space left on the disk to write mine.toml")
