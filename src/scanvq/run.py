"""A run: a trained model and its run directory."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.audit.audit_run import audit_run
from scanvq.conditions.space import ConditionSpace
from scanvq.evaluation.cost import cost_of
from scanvq.evaluation.evaluate_run import evaluate_run
from scanvq.evaluation.evaluate_samples import evaluate_samples
from scanvq.evaluation.short_form import score_briefly
from scanvq.inference.samples import Samples
from scanvq.model.model import Model
from scanvq.model.requested_values import RequestedValues
from scanvq.model.scans import Array
from scanvq.model.source import ModelSource, RunSource
from scanvq.nn.device import choose_device
from scanvq.notebook.display import show_png
from scanvq.notebook.table import html_table
from scanvq.planning.measured_cost import measure_cost
from scanvq.report.overview import overview, run_facts
from scanvq.report.write import write_run_report
from scanvq.storage.run_directory import RunDirectory, RunError
from scanvq.store.run_data import open_data
from scanvq.training.history import run_records
from scanvq.types import ProgressFactory, SamplingParams


class Run:
    """A trained run: `model` for everything with images and scans, and `directory`.

    Attributes:
        model: tokenizer, prior, preparation, device and precision.
        directory: the paths of all files of the run.
        began: start time of training by the monotonic clock; None if training was resumed.

    Args:
        path: the run directory.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        RunError: no run there. WeightsError: its tokenizer is not trained yet.
    """

    def __init__(self, path: str | Path, *, device: str = "auto") -> None:
        self.directory = RunDirectory(Path(path))
        source: ModelSource = RunSource(self.directory)
        self.model = Model(source, device=choose_device(device))
        self.began: float | None = None

    def __repr__(self) -> str:
        sections = self.model.recipe.sections
        prior = sections["prior"]["kind"] if self.model.has_prior else "no prior"
        return f"Run({str(self.directory.path)!r}: {sections['tokenizer']['kind']}, {prior})"

    def _repr_html_(self) -> str:
        return html_table(f"Run {self.directory.path}", run_facts(self.model, self.directory))

    @property
    def metrics(self) -> dict[str, Any]:
        """The scores in metrics.json. Raises RunError if the run was not evaluated yet."""
        if not self.directory.metrics.is_file():
            raise RunError(
                f"{self.directory.path} is not evaluated yet; call run.evaluate(), or use `scanvq evaluate`"
            )
        found: dict[str, Any] = self.directory.read(self.directory.metrics)
        return found

    @property
    def history(self) -> Any:
        """Losses and validation scores of all stages, a row for each record.

        A pandas DataFrame where pandas is installed, otherwise a list of dictionaries. Each row has
        `stage`, `split` ("train" or "validation"), `step`, `epoch`, `seconds` and its values.
        """
        rows = run_records(self.directory)
        if importlib.util.find_spec("pandas") is None:
            return rows
        from pandas import DataFrame

        return DataFrame(rows)

    def show(self) -> None:
        """Shows real, reconstructed and created images, in a notebook or with the viewer of the desktop.

        Raises:
            DataChangedError: the scans of the run were removed or changed.
        """
        show_png(overview(self.model, self.directory).png())

    @property
    def labels(self) -> tuple[str, ...]:
        """The values of the condition `label`; () without labels."""
        return self.model.labels

    @property
    def conditions(self) -> ConditionSpace:
        """The conditions that samples can have, see `Model.conditions`."""
        return self.model.conditions

    def encode(self, images: Array) -> tuple[Array, ...]:
        """Images to codes, see `Model.encode`."""
        return self.model.encode(images)

    def decode(self, codes: Sequence[Array]) -> Array:
        """Codes to images, see `Model.decode`."""
        return self.model.decode(codes)

    def reconstruct(self, images: Array) -> Array:
        """Images to codes and back, see `Model.reconstruct`."""
        return self.model.reconstruct(images)

    def sample(
        self,
        count: int,
        *,
        condition: RequestedValues | None = None,
        label: str | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        guidance: float | None = None,
        decoder: str | None = None,
        seed: int = 0,
    ) -> NDArray[np.float32]:
        """New images, see `Model.sample`."""
        return self.model.sample(
            count,
            condition=condition,
            label=label,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            guidance=guidance,
            decoder=decoder,
            seed=seed,
        )

    def samples(
        self,
        count: int,
        *,
        condition: RequestedValues | None = None,
        label: str | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        guidance: float | None = None,
        decoder: str | None = None,
        seed: int = 0,
    ) -> Samples:
        """New images as `sample`, in an object that shows itself: `run.samples(16).show()`."""
        images = self.sample(
            count,
            condition=condition,
            label=label,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            guidance=guidance,
            decoder=decoder,
            seed=seed,
        )
        used = self.model.decoders.decoder_of(decoder)
        return Samples(images=images, provenance=self.model.provenance(seed=seed, decoder=used))

    def inpaint(
        self,
        image: Array,
        mask: Array,
        *,
        count: int = 1,
        condition: RequestedValues | None = None,
        label: str | None = None,
        params: SamplingParams | None = None,
        decoder: str | None = None,
        seed: int = 0,
    ) -> Array:
        """Completions of an image, see `Model.inpaint`."""
        return self.model.inpaint(
            image,
            mask,
            count=count,
            condition=condition,
            label=label,
            params=params,
            decoder=decoder,
            seed=seed,
        )

    def evaluate(
        self,
        folder: str | Path | None = None,
        *,
        skip_bad: bool = False,
        allow_leak: bool = False,
        codecs: bool = False,
        cache: Path | None = None,
        progress_for: ProgressFactory | None = None,
    ) -> dict[str, Any]:
        """Scores the run on its test split, or on another folder, and writes metrics.json.

        For the arguments, see `scanvq.evaluation.evaluate_run.evaluate_run`.
        """
        return evaluate_run(
            self.model,
            self.directory,
            None if folder is None else Path(folder),
            skip_bad=skip_bad,
            allow_leak=allow_leak,
            codecs=codecs,
            cache=cache,
            progress_for=progress_for,
        )

    def evaluate_samples(
        self,
        samples: int | None = None,
        *,
        images: str | Path | None = None,
        folder: str | Path | None = None,
        spaces: Sequence[str | Path] = (),
        masks: str | Path | None = None,
        skip_bad: bool = False,
        allow_leak: bool = False,
        decoder: str | None = None,
        seed: int = 0,
        cache: Path | None = None,
        progress_for: ProgressFactory | None = None,
    ) -> dict[str, Any]:
        """Scores new samples, or given images, and writes `samples` into metrics.json.

        Arguments as those of `scanvq.evaluation.evaluate_samples.evaluate_samples`. A run that was not
        evaluated on these scans yet is evaluated first.
        """
        other = None if folder is None else Path(folder)
        if not self.directory.metrics_of(other).is_file():
            self.evaluate(
                other, skip_bad=skip_bad, allow_leak=allow_leak, cache=cache, progress_for=progress_for
            )
        return evaluate_samples(
            self.model,
            self.directory,
            samples=samples,
            images=None if images is None else Path(images),
            folder=other,
            spaces=[Path(space) for space in spaces],
            masks=None if masks is None else Path(masks),
            skip_bad=skip_bad,
            allow_leak=allow_leak,
            decoder=decoder,
            seed=seed,
            cache=cache,
            progress_for=progress_for,
        )

    def evaluate_samples_briefly(
        self, *, cache: Path | None = None, progress_for: ProgressFactory | None = None
    ) -> dict[str, Any]:
        """Scores at most 64 new samples in the short form, as `fit` does at its end.

        For the arguments, see `scanvq.evaluation.short_form.score_briefly`.
        """
        return score_briefly(self.model, self.directory, cache=cache, progress_for=progress_for)

    def audit(
        self,
        samples: int | None = None,
        *,
        images: str | Path | None = None,
        level: float | None = None,
        seed: int = 0,
        cache: Path | None = None,
        progress_for: ProgressFactory | None = None,
    ) -> dict[str, Any]:
        """Whether new samples, or given images, are copies of training scans; writes audit.json.

        Arguments as those of `scanvq.audit.audit_run.audit_run`.
        """
        return audit_run(
            self.model,
            self.directory,
            samples=samples,
            images=None if images is None else Path(images),
            level=level,
            seed=seed,
            cache=cache,
            progress_for=progress_for,
        )

    def write_report(self, *, progress_for: ProgressFactory | None = None, cache: Path | None = None) -> Path:
        """Writes report.html and its figures. Returns the page's path."""
        write_run_report(
            self.model,
            self.directory,
            progress_for=progress_for or (lambda name: lambda done, total: None),
            cache=cache,
        )
        return self.directory.report

    def record_cost(self, seconds: float) -> dict[str, Any]:
        """Adds the measured total cost of the run to metrics.json, next to the plan's estimate.

        Args:
            seconds: from reading the first file to the scores.
        """
        data = open_data(self.directory, self.model.recipe.data)
        cost = measure_cost(self.directory, data, seconds)
        self.directory.write(self.directory.cost, cost)
        metrics = self.directory.read(self.directory.metrics)
        self.directory.write(self.directory.metrics, {**metrics, "cost": cost_of(self.directory)})
        return cost
