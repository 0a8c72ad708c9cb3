"""Output folders: the files of a command appear together, and replace nothing that ScanVQ did not write."""

from __future__ import annotations

import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout
from pydantic import BaseModel

from scanvq.storage.files import read_json, validated, write_json
from scanvq.storage.output_record import (
    HIDDEN,
    OutputName,
    OutputRecord,
    OutputSet,
    WrittenFile,
    covers,
)

_LOCK = "lock"
_WRITING = "writing-"
_PATIENCE = 60  # seconds to wait while another process moves its files


class OutputError(ValueError):
    """Outputs that would replace files, or a folder that another command writes to."""


@contextmanager
def output_folder(
    out: Path, names: Iterable[str | Path], *, overwrite: bool = False, owned: bool = False
) -> Iterator[Path]:
    """Yields an empty folder to write files to; if the block raises nothing, they are moved to `out`.

    Files that are written together are a set, which `out` has completely or not at all. They are recorded
    with their digests in a hidden folder of `out`, so that later calls know them. A new set is refused if one
    of its names is taken; with `overwrite` it replaces the earlier sets that share a name with it, whole.
    Files that are not recorded, or that were changed since, are never replaced or removed.

    If the process is killed while the files are moved, which takes milliseconds, the next call for `out`
    moves the earlier set back.

    Args:
        out: the folder, which is created if missing.
        names: paths in `out` that will be written, files or whole folders; refused before the block begins.
            Other files that the block writes are checked before the files are moved.
        overwrite: replace earlier sets.
        owned: the names are reserved for ScanVQ, as those in a run directory: whatever is there is replaced.

    Raises:
        OutputError: a name that is taken or occurs twice, or another process writes to `out`.
        DamagedFileError: the record of `out` is damaged.
    """
    planned = Counter(Path(name).as_posix() for name in names)
    if twice := [name for name, count in planned.items() if count > 1]:
        raise OutputError(f"two outputs would be {out / twice[0]}; write them to different folders")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file, but outputs need a folder; choose another --out")
    is_new = not out.exists()
    move = _Move(out)
    own_lock = FileLock(move.lock, blocking=False)
    try:
        with _locked(out):
            _undo_killed(out)
            _earlier(out, set(planned), overwrite=overwrite, owned=owned)
            move.new.mkdir(parents=True)
            own_lock.acquire()
        yield move.new
        written = _files_below(move.new)
        with _locked(out):
            move.do(_earlier(out, written.union(planned), overwrite=overwrite, owned=owned), written)
    finally:
        with _locked(out):
            move.undo()
            own_lock.release()
            move.remove()
            if [path.name for path in (out / HIDDEN).iterdir()] == [_LOCK]:
                shutil.rmtree(out / HIDDEN)  # nothing was written, and nobody is writing
        if is_new and not any(out.iterdir()):
            out.rmdir()


@contextmanager
def output_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yields a path to write a single file to, which becomes `path`; see `output_folder`."""
    with output_folder(path.parent, [path.name], overwrite=overwrite) as folder:
        yield folder / path.name


def undo_interrupted(out: Path) -> None:
    """Undoes what processes had begun to write to a folder when they were killed, or their disk was full.

    Raises:
        OutputError: another process is writing. DamagedFileError: the record of `out` is damaged.
    """
    if (out / HIDDEN).is_dir():
        with _locked(out):
            _undo_killed(out)


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Holds the lock of the record of a folder, for as long as files are compared or moved."""
    (out / HIDDEN).mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / HIDDEN / _LOCK, timeout=_PATIENCE):
            yield
    except Timeout:
        raise OutputError(f"another process is writing to {out}; wait until it ends") from None


@dataclass(frozen=True, kw_only=True)
class _Earlier:
    """What a new set replaces.

    Attributes:
        files: that are moved away.
        kept: the sets that stay.
    """

    files: set[str]
    kept: tuple[OutputSet, ...]


def _earlier(out: Path, names: set[str], *, overwrite: bool, owned: bool) -> _Earlier:
    """What files of these names would replace in a folder. Raises OutputError, see `output_folder`."""
    record = OutputRecord.read(out)
    taken = {file for name in names for file in _taken(out, name)}
    ours = {file for file in taken if record.is_unchanged(out, file)}
    if not owned and (others := sorted(taken - ours)):
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        reason = "was changed since ScanVQ wrote it" if record.find(others[0]) else "is not ScanVQ's"
        raise OutputError(
            f"{out / others[0]}{more} would be replaced, but {reason}; choose another --out, or move it away"
        )
    replaced = [files for files in record.sets if any(covers(names | taken, name) for name in files)]
    members = {name for files in replaced for name in files if os.path.lexists(out / name)}
    if (taken | members) and not (overwrite or owned):
        raise OutputError(
            f"{out / min(taken | members)} is there already, from an earlier command; choose another --out, "
            "or replace what that command wrote by --overwrite"
        )
    unchanged = {name for name in members if record.is_unchanged(out, name)}
    return _Earlier(
        files=unchanged | taken, kept=tuple(files for files in record.sets if files not in replaced)
    )


def _taken(out: Path, name: str) -> set[str]:
    """The files where an output is to be: itself, those below it, or one in place of its folder."""
    path = out / name
    if path.is_dir() and not path.is_symlink():
        return {f"{name}/{file}" for file in _files_below(path)}
    parents = [parent.as_posix() for parent in PurePosixPath(name).parents][:-1]
    return {
        place for place in (name, *parents) if os.path.lexists(out / place) and not (out / place).is_dir()
    }


def _files_below(folder: Path) -> set[str]:
    return {
        (Path(parent) / name).relative_to(folder).as_posix()
        for parent, _, files in os.walk(folder)
        for name in files
    }


class _Journal(BaseModel):
    """Moves that have begun, with the record before them."""

    old: tuple[OutputName, ...]
    new: OutputSet
    record: OutputRecord


class _Move:
    """Moves new files into a folder and old ones out of it; can be undone until it is complete.

    Attributes:
        new: the folder of the new files.
        lock: held by the process that writes them, and free after it was killed.
    """

    def __init__(self, out: Path, name: str | None = None) -> None:
        self._out = out
        self._folder = out / HIDDEN / (name or f"{_WRITING}{secrets.token_hex(4)}")
        self._old = self._folder / "old"
        self._journal = self._folder / "moves.json"
        self.new = self._folder / "new"
        self.lock = self._folder / _LOCK

    def do(self, earlier: _Earlier, names: set[str]) -> None:
        """Replaces earlier files by those of these names in `new`, and records these."""
        written = {name: WrittenFile.of(self.new / name) for name in sorted(names)}
        journal = _Journal(old=tuple(earlier.files), new=written, record=OutputRecord.read(self._out))
        write_json(self._journal, journal.model_dump())
        for name in earlier.files:
            _rename(self._out / name, self._old / name)
        _remove_empty_folders(self._out, earlier.files)
        for name in written:
            _rename(self.new / name, self._out / name)
        new = (written,) if written else ()
        OutputRecord(sets=(*earlier.kept, *new)).write(self._out)
        self._journal.unlink()  # from here on the new set counts

    def undo(self) -> None:
        """Moves everything back, unless the moves are complete or have not begun."""
        if not self._journal.exists():
            return
        journal = validated(self._journal, read_json(self._journal), _Journal)
        moved = {name for name in journal.new if not (self.new / name).exists()}
        for name in moved:
            if journal.new[name].is_still(self._out / name):
                (self._out / name).unlink()
        _remove_empty_folders(self._out, moved)
        for name in journal.old:
            if os.path.lexists(self._old / name):
                _rename(self._old / name, self._out / name)
        journal.record.write(self._out)
        self._journal.unlink()

    def remove(self) -> None:
        """Removes the temporary files."""
        if self._folder.exists():
            shutil.rmtree(self._folder)


def _undo_killed(out: Path) -> None:
    """Undoes the moves of processes that were killed, and removes their temporary files."""
    for folder in (out / HIDDEN).glob(f"{_WRITING}*"):
        move = _Move(out, folder.name)
        lock = FileLock(move.lock, blocking=False)
        try:
            lock.acquire()
        except Timeout:
            continue  # that process is still writing
        move.undo()
        lock.release()
        move.remove()


def _rename(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)


def _remove_empty_folders(out: Path, names: Iterable[str]) -> None:
    """Removes the folders in `out` that have become empty since these files are gone."""
    for name in names:
        for parent in PurePosixPath(name).parents[:-1]:
            folder = out / parent
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
