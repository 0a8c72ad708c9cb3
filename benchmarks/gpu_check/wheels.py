"""Downloads what a machine without a network needs: `python -m benchmarks.gpu_check.wheels`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
WHEELS = ROOT / "wheels"
NAMES = Path(__file__).with_name("wheels.txt")
LARGEST = 40e6  # bytes, all together
PYTHON = "3.12"
PLATFORMS = (
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
)


def main() -> None:
    for old in WHEELS.glob("*.whl"):  # two versions of one package would stop the installation
        old.unlink()
    platforms = [argument for platform in PLATFORMS for argument in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", PYTHON]
    command += [*platforms, "--dest", str(WHEELS), "--requirement", str(NAMES)]
    subprocess.run([*command, "--constraint", str(ROOT / "constraints.txt")], check=True)
    size = total_size(WHEELS)
    if size > LARGEST:
        raise SystemExit(
            f"{WHEELS} holds {size / 1e6:.1f} MB of wheels; at most {LARGEST / 1e6:.0f} MB may be carried"
        )
    print(f"{len(list(WHEELS.glob('*.whl')))} wheels, {size / 1e6:.1f} MB, in {WHEELS}")


def total_size(folder: Path) -> int:
    """Bytes of all wheels in a folder."""
    return sum(wheel.stat().st_size for wheel in folder.glob("*.whl"))


if __name__ == "__main__":
    main()
