"""What the check needs of a machine, what is missing, and its installation from wheels.

Only the standard library is imported here: nothing else need be installed yet.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
NOT_NEEDED = ("scikit-learn", "tensorboard")  # the check scores no samples and trains with `--log none`
TESTS = "pytest>=8"
TEMPLATES = (
    "nilearn>=0.10"  # the demo cohort reads three files of its package; nilearn itself is not imported
)


class MissingRequirementsError(RuntimeError):
    """The machine lacks packages that no wheel brings. The message is for the user."""


def requirements(project: Mapping[str, Any], *, demo_cohort: bool) -> list[str]:
    """The requirements of the check, as pyproject.toml writes them.

    Args:
        project: what pyproject.toml holds.
        demo_cohort: whether the demo cohort is made.
    """
    own = [one for one in project["project"]["dependencies"] if name_of(one) not in NOT_NEEDED]
    return [*own, TESTS, *([TEMPLATES] if demo_cohort else [])]


def name_of(requirement: str) -> str:
    """`Pillow>=10.3` is of `pillow`; `_`, `.` and `-` are the same."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    if match is None:
        raise ValueError(f"{requirement!r} is no requirement")
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def lacking(wanted: Sequence[str], installed: Mapping[str, str | None]) -> list[str]:
    """The requirements that are not installed, or in a version below the lowest that is allowed."""
    found = []
    for requirement in wanted:
        lowest = requirement.partition(">=")[2]
        present = installed[name_of(requirement)]
        if present is None or _numbers(present) < _numbers(lowest):
            found.append(requirement)
    return found


def installed_versions(wanted: Sequence[str]) -> dict[str, str | None]:
    """Name -> version of each requirement; None where it is not installed."""
    found: dict[str, str | None] = {}
    for name in map(name_of, wanted):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text.partition("+")[0])[:3])


def install(wanted: Sequence[str], wheels: Path, target: Path) -> list[str]:
    """Installs what the machine lacks from wheels into a folder for PYTHONPATH; the machine stays as it is.

    pip says which wheels are needed beside what is installed. nilearn comes without its own requirements.

    Returns:
        The packages that were installed, as `name==version`.

    Raises:
        MissingRequirementsError: packages that neither the machine nor the wheels have.
    """
    carried = {name_of(wheel.name.partition("-")[0]) for wheel in wheels.glob("*.whl")}
    needed = lacking(wanted, installed_versions(wanted))
    missing = [one for one in needed if name_of(one) not in carried]
    if missing:
        raise MissingRequirementsError(
            f"this machine lacks {', '.join(missing)}, and {wheels} has no wheels of them; PyTorch, NumPy, "
            "SciPy and matplotlib must be installed, the rest comes from `make gpu-wheels`"
        )
    alone = [one for one in needed if one == TEMPLATES]
    resolved = [one for one in needed if one != TEMPLATES]
    chosen: list[str] = []
    if resolved:
        report = _pip(["--dry-run", "--report", "-", *resolved], wheels)
        chosen = [
            f"{one['metadata']['name']}=={one['metadata']['version']}"
            for one in json.loads(report)["install"]
        ]
    if [*chosen, *alone]:
        _pip(["--no-deps", "--no-compile", "--target", str(target), *chosen, *alone], wheels)
    _describe_project(target)
    return [*chosen, *alone]


def _pip(arguments: Sequence[str], wheels: Path) -> str:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    done = subprocess.run(
        [*command, "--no-cache-dir", "--find-links", str(wheels), *arguments], capture_output=True, text=True
    )
    if done.returncode:
        raise MissingRequirementsError(f"pip could not install from {wheels}:\n{done.stderr.strip()}")
    return done.stdout


def _describe_project(target: Path) -> None:
    """ScanVQ runs from its sources; its version is looked up as that of an installed package."""
    if installed_versions(["scanvq"])["scanvq"] is not None:
        return
    project = read_project()["project"]
    folder = target / f"{project['name']}-{project['version']}.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    text = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (folder / "METADATA").write_text(text, encoding="utf-8")


def read_project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
