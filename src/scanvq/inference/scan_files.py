"""Input scan files, and the names of output files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from scanvq.cohort.layouts.listing import list_scans
from scanvq.imaging.formats import (
    READABLE,
    Source,
    format_of,
    is_part_of_file,
    is_series,
    output_name,
    stem_of,
)


def scan_files(named: Sequence[Path]) -> list[Path]:
    """The scans of a list of files and folders.

    Raises:
        ValueError: a path that does not exist, or a folder without scans.
    """
    found: list[Path] = []
    for path in named:
        if path.is_dir():
            inside = [path / scan for scan in sorted(list_scans(path, visible_files(path)).scans)]
            if not inside:
                raise ValueError(f"the folder {path} has no scans; readable are {', '.join(READABLE)}")
            found += inside
        elif path.is_file() or is_series(path) or is_part_of_file(path):
            found.append(path)
        else:
            raise ValueError(f"there is no file or folder {path}")
    return list(dict.fromkeys(found))


def visible_files(folder: Path) -> list[Path]:
    """The files below a folder, relative to it, without hidden ones and those in hidden folders."""
    below = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return [path for path in below if not any(part[0] == "." for part in path.parts)]


def source_of(scan: Path) -> Source:
    """What is made from this file is derived from: a scan, or what is marked as synthetic itself."""
    return "synthetic" if format_of(scan).is_synthetic(scan) else "scan"


def names_of(scans: Sequence[Path]) -> list[Path]:
    """The file names of scans; paths relative to the common folder if file names repeat."""
    places = [scan.parent if is_part_of_file(scan) else scan for scan in scans]
    return distinct_names(places, [output_name(scan)[0] for scan in scans])


def distinct_names(files: Sequence[Path], names: Sequence[str]) -> list[Path]:
    """The name for each file; in its folder relative to the common folder if names repeat."""
    if len(set(names)) == len(files):
        return [Path(name) for name in names]
    paths = [file.resolve() for file in files]
    base = Path(*_common([path.parent.parts for path in paths]))
    return [path.relative_to(base).with_name(name) for path, name in zip(paths, names, strict=True)]


def stems_of(names: Sequence[str | Path]) -> list[Path]:
    """Names without suffixes, for output files of another format; suffixes stay where stems would be equal.

    Parts such as ".." and "/" are removed, since names may come from an untrusted code file.
    """
    inside = [Path(*(part for part in Path(name).parts if part not in ("..", "/"))) for name in names]
    stems = [name.with_name(stem_of(name)) for name in inside]
    count = Counter(stems)
    return [stem if count[stem] == 1 else name for stem, name in zip(stems, inside, strict=True)]


def output_names(scans: Sequence[Path], out: Path) -> list[Path]:
    """The name in `out` of the output of every scan: that of the scan.

    Raises:
        ValueError: an output would overwrite the input.
    """
    names = names_of(scans)
    for scan, name in zip(scans, names, strict=True):
        if scan.resolve() == (out / name).resolve():
            raise ValueError(f"--out {out} would overwrite {scan}; choose another folder")
    return names


def _common(folders: list[tuple[str, ...]]) -> tuple[str, ...]:
    shared = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return tuple(shared)
