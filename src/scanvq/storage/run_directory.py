"""The run directory: the paths of all files that `fit` writes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanvq.storage.files import read_json, validated, write_json
from scanvq.storage.run_records import record_of

FORMAT_VERSION = 2
"""Format of run directories: the one that this version writes, and the only one that it opens."""


def is_run(names: Collection[str]) -> bool:
    """Whether the files of a folder, by name, are those of a run directory."""
    return {"recipe.toml", "run.json"} <= set(names)


class RunError(ValueError):
    """A folder that is no run, or a run without the requested file."""


@dataclass(frozen=True)
class StageDirectory:
    """The files of one stage: `tokenizer`, `prior` or `decoder`."""

    path: Path

    @property
    def best(self) -> Path:
        return self.path / "best.safetensors"

    @property
    def last(self) -> Path:
        return self.path / "last.safetensors"

    @property
    def resume(self) -> Path:
        return self.path / "resume.pt"

    @property
    def history(self) -> Path:
        return self.path / "history.json"

    @property
    def progress(self) -> Path:
        return self.path / "progress.npz"


@dataclass(frozen=True)
class RunDirectory:
    """A run directory: paths, and atomic reads and writes of JSON files. The contents are not interpreted."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.toml"

    @property
    def plan(self) -> Path:
        """The plan that the run follows, if it has one."""
        return self.path / "plan.toml"

    @property
    def settings(self) -> Path:
        """How `fit` was called: folder, limits, seed."""
        return self.path / "run.json"

    @property
    def data(self) -> Path:
        """Catalog with splits, preparation, name of the prepared store."""
        return self.path / "data.json"

    @property
    def fingerprint(self) -> Path:
        return self.path / "fingerprint.json"

    @property
    def encoding(self) -> Path:
        """The precision that images are encoded in, and its measured time."""
        return self.path / "encoding.json"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def tokenizer(self) -> StageDirectory:
        return StageDirectory(self.path / "tokenizer")

    @property
    def prior(self) -> StageDirectory:
        return StageDirectory(self.path / "prior")

    @property
    def decoder(self) -> StageDirectory:
        """The decoder of created images, if the run has one."""
        return StageDirectory(self.path / "decoder")

    @property
    def codes(self) -> Path:
        return self.path / "codes"

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.json"

    def metrics_of(self, folder: Path | None) -> Path:
        """The scores on another folder of scans; on the run's own for None."""
        return self.path / f"metrics{_suffix(folder)}.json"

    @property
    def test_scores(self) -> Path:
        """The scores of each test image."""
        return self.path / "test_scores.json"

    def test_scores_table(self, folder: Path | None) -> Path:
        """All scores of each test image as CSV; of the run's own test images for None."""
        return self.path / f"test_scores{_suffix(folder)}.csv"

    def computed_scores(self, folder: Path | None) -> Path:
        """The same as numbers, each with a key of what they depend on: an evaluation goes on from there."""
        return self.path / f"test_scores{_suffix(folder)}.npz"

    def rate_distortion(self, folder: Path | None) -> Path:
        """Image codecs beside the run on the same test images."""
        return self.path / f"rate_distortion{_suffix(folder)}.json"

    @property
    def sample_codes(self) -> Path:
        """The codes of the samples that were scored last."""
        return self.path / "samples" / "scored.npz"

    @property
    def sample_references(self) -> Path:
        """What scores of samples are read beside: real against real images, and images known to be bad."""
        return self.path / "samples" / "references.json"

    @property
    def audit(self) -> Path:
        """The memorization audit: which created scans copy training scans."""
        return self.path / "audit.json"

    @property
    def audit_picture(self) -> Path:
        """The created images that are nearest to training scans, beside these."""
        return self.path / "audit.png"

    @property
    def audit_index(self) -> Path:
        """What the audit compares images with; made of patients' scans, so it stays in the run."""
        return self.path / "audit" / "images.npz"

    def audit_held_out(self, domain: str) -> Path:
        """How similar held-out people are to the training scans, "decoded" from codes or as "scans"."""
        return self.path / "audit" / f"held_out_{domain}.npz"

    @property
    def calibration(self) -> Path:
        """Scores of held-out people, which those of other scans are compared with."""
        return self.path / "calibration.json"

    @property
    def sampling_speed(self) -> Path:
        """Seconds per created scan."""
        return self.path / "samples" / "speed.json"

    @property
    def tables(self) -> Path:
        return self.path / "tables"

    @property
    def card(self) -> Path:
        """The model card."""
        return self.path / "README.md"

    @property
    def card_facts(self) -> Path:
        """What only its user knows of a run, for its card: licenses, name of the data set."""
        return self.path / "card.json"

    @property
    def cost(self) -> Path:
        """The measured cost of the whole run, beside the estimate of its plan."""
        return self.path / "cost.json"

    @property
    def lock(self) -> Path:
        """Held while the run is trained, see `scanvq.storage.run_lock`."""
        return self.path / ".lock"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def check(self) -> None:
        """Raises RunError for a folder that is no run, or a run of another format than this version's."""
        if not self.recipe.is_file():
            raise RunError(
                f"{self.path} is no ScanVQ run (it has no recipe.toml); make one with `scanvq fit`"
            )
        settings = read_json(self.settings) if self.settings.is_file() else {"format": FORMAT_VERSION}
        version = settings.get("format", 1) if isinstance(settings, dict) else None
        if type(version) is not int:
            raise RunError(f"{self.settings} is damaged (it has no format number); restore it")
        if version < FORMAT_VERSION:
            raise RunError(f"{self.settings} was made by an older ScanVQ (format {version}): train again")
        if version > FORMAT_VERSION:
            raise RunError(f"{self.settings} was made by a newer ScanVQ (format {version}); upgrade it")

    def read_settings(self) -> dict[str, Any]:
        """How `fit` was called, without the format of the run. Raises RunError, see `read`."""
        return {name: value for name, value in self.read(self.settings).items() if name != "format"}

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Writes how `fit` was called, with the format of the run."""
        self.write(self.settings, {"format": FORMAT_VERSION, **settings})

    def read(self, file: Path) -> Any:
        """A JSON file of the run.

        Raises:
            RunError: the file is missing, or as `check`. DamagedFileError: it is not what it must be; the
                message names the file and the field.
        """
        self.check()
        if not file.is_file():
            raise RunError(
                f"{self.path} has no {file.name} yet; finish it with `scanvq fit --resume --out {self.path}`"
            )
        value = read_json(file)
        validated(file, value, record_of(file.name))
        return value

    def write(self, file: Path, value: Any) -> None:
        write_json(file, value)


def _suffix(folder: Path | None) -> str:
    """Of the files about another folder of scans; "" for the run's own."""
    return "" if folder is None else f"-{folder.resolve().name}"
