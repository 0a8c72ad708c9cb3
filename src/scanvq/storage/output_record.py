"""The record of what ScanVQ wrote into a folder: the files of each command, with size and digest."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from scanvq.storage.files import read_json, validated, write_json

HIDDEN = ".scanvq"
"""The folder beside outputs that holds their record."""

_RECORD = "outputs.json"
_DIGEST_BYTES = 16


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or name != path.as_posix():
        raise ValueError(f"{name!r} is no path inside the folder")
    return name


class WrittenFile(BaseModel):
    """A file as it was written.

    Attributes:
        size: bytes.
        digest: BLAKE2b of 16 bytes, hexadecimal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    digest: str

    @classmethod
    def of(cls, path: Path) -> WrittenFile:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST_BYTES))
        return cls(size=path.stat().st_size, digest=digest.hexdigest())

    def is_still(self, path: Path) -> bool:
        """Whether the file at a path is this one, unchanged."""
        if path.is_symlink() or not path.is_file() or path.stat().st_size != self.size:
            return False
        return WrittenFile.of(path) == self


OutputName = Annotated[str, AfterValidator(_inside)]
"""The path of an output in its folder, with / between its parts."""

OutputSet = Mapping[OutputName, WrittenFile]
"""The files that one command wrote together."""


class OutputRecord(BaseModel):
    """What ScanVQ wrote into a folder, a set for each command; no two sets share a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    sets: tuple[OutputSet, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> OutputRecord:
        """The record of a folder, empty if there is none. Raises DamagedFileError."""
        file = record_file(folder)
        return validated(file, read_json(file), cls) if file.is_file() else cls()

    def write(self, folder: Path) -> None:
        """Writes the record of a folder; without sets there is none."""
        if self.sets:
            write_json(record_file(folder), self.model_dump())
        else:
            record_file(folder).unlink(missing_ok=True)

    def find(self, name: str) -> WrittenFile | None:
        """The record of a file by its path in the folder; None for files that ScanVQ did not write."""
        return next((files[name] for files in self.sets if name in files), None)

    def is_unchanged(self, folder: Path, name: str) -> bool:
        """Whether ScanVQ wrote a file of the folder, and nobody changed it."""
        written = self.find(name)
        return written is not None and written.is_still(folder / name)


def covers(names: Collection[str], name: str) -> bool:
    """Whether a path, or a folder that it lies in, is one of `names`."""
    return name in names or any(parent.as_posix() in names for parent in PurePosixPath(name).parents)


def record_file(folder: Path) -> Path:
    return folder / HIDDEN / _RECORD


def is_unchanged_output(path: Path) -> bool:
    """Whether ScanVQ wrote a file, see `output_folder`, and nobody changed it. Raises DamagedFileError."""
    return OutputRecord.read(path.parent).is_unchanged(path.parent, path.name)
