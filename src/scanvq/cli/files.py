"""The scans named on a command line, and where what is made of them goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def scan_files(named: Sequence[Path]) -> list[Path]:
    """Every scan named, and those in the folders named.

    Raises:
        ValueError: something that does not exist, or a folder without scans.
    """
    from scanvq.data.formats import READABLE

    found: list[Path] = []
    for path in named:
        if path.is_dir():
            inside = sorted(
                p for p in path.rglob("*") if p.name.lower().endswith(READABLE) and p.name[0] != "."
            )
            if not inside:
                raise ValueError(f"{path} holds no scans ({', '.join(READABLE)})")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise ValueError(f"there is no file or folder {path}")
    return found


def outputs(scans: Sequence[Path], out: Path) -> list[Path]:
    """A target of the same name in `out` for every scan; below their common folder where names repeat.

    Raises:
        ValueError: a target would overwrite its own scan.
    """
    names = [scan.name for scan in scans]
    if len(set(names)) < len(names):
        base = Path(*_common([scan.resolve().parent.parts for scan in scans]))
        targets = [out / scan.resolve().relative_to(base) for scan in scans]
    else:
        targets = [out / name for name in names]
    for scan, target in zip(scans, targets, strict=True):
        if scan.resolve() == target.resolve():
            raise ValueError(f"--out {out} would overwrite {scan}; choose another folder")
        target.parent.mkdir(parents=True, exist_ok=True)
    return targets


def _common(folders: list[tuple[str, ...]]) -> tuple[str, ...]:
    shared = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return tuple(shared)
