"""Gathers the report data from the files, data and model of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from scanvq.evaluation.stored_sample_scores import content_of
from scanvq.model.model import Model
from scanvq.recipe.description import parameters_by_part
from scanvq.report import numbers, pictures
from scanvq.report.kind_names import prior_kind
from scanvq.report.nearest_pairs import nearest_pairs, scored_codes
from scanvq.report.report_data import DataFacts, GeneratedImages, Image, ModelFacts, ReportData
from scanvq.storage.run_directory import RunDirectory
from scanvq.storage.weights import WeightsError
from scanvq.store.run_data import RunData, open_data
from scanvq.store.store import BadScans
from scanvq.training.progress_pictures import read_progress
from scanvq.types import Codes, Progress

STAGES = ("tokenizer", "prior", "decoder")
STEPS = 7
CREATED = 16


def gather(
    model: Model, directory: RunDirectory, *, progress: Progress, cache: Path | None = None
) -> ReportData:
    """The report data of a run; `missing` lists what is not available, and what to do.

    Args:
        model: of the run.
        directory: of the run.
        progress: called with steps done and all steps.
        cache: where prepared stores are kept; None = the cache folder of the user.
    """
    done = iter(range(1, STEPS + 1))

    def step_done() -> None:
        progress(next(done), STEPS)

    about = model.recipe.about
    missing: list[str] = []
    metrics = directory.read(directory.metrics) if directory.metrics.is_file() else None
    if metrics is None:
        missing.append(f"Scores of the test images: run `scanvq evaluate {directory.path.name}` first.")
    audit = directory.read(directory.audit) if directory.audit.is_file() else None
    histories = {stage: _history(directory, stage) for stage in STAGES}
    data = _data(model, directory, cache, missing)
    step_done()
    scores, usage = _scores(directory, data, missing if metrics is not None else [])
    content: dict[str, Any] = {}
    if data is not None:
        content["examples"] = pictures.examples(data)
        step_done()
        test = pictures.spread(len(data.rows("test")), pictures.RECONSTRUCTIONS)
        content["reconstructions"] = pictures.reconstructions(model, data, test)
        step_done()
        if scores is not None and len(scores) == len(data.rows("test")):
            content["ranked"] = pictures.reconstructions(model, data, *pictures.worst_first(scores))
        step_done()
    models: dict[str, nn.Module] = {"tokenizer": model.tokenizer}
    if _prior_is_usable(model, missing):
        models["prior"] = model.prior
        content["decoder"] = model.decoders.decoder_of()
        if content["decoder"] == "natural":
            models["decoder"] = model.decoders.natural
        content["generated"] = pictures.generated(model, data)
        codes = scored_codes(directory.sample_codes, content_of(model))
        content["created"] = _created(model, codes, content["generated"])
        if audit is not None and data is not None:
            content["nearest"] = nearest_pairs(model, data, audit, codes)
        step_done()
        if data is not None:
            content["inpainted"] = pictures.inpainted(model, data)
            if not content["inpainted"]:
                missing.append("Completions: this prior generates complete images only; it cannot inpaint.")
        step_done()
    rate_distortion = _rate_distortion(model, directory, missing)
    parameters = {name: parameters_by_part(model) for name, model in models.items()}
    environment = directory.read(directory.environment) if directory.environment.is_file() else {}
    expect = dict(about.get("expect", {}))
    source = dict(about.get("source", {}))
    report_data = ReportData(
        title=model.recipe.name,
        summary=str(about.get("summary", "")),
        run=directory.path.resolve().name,
        command=_reproduce_command(directory),
        original_command=str(environment.get("command", "")),
        recipe=model.recipe.toml(),
        missing=tuple(missing),
        data=_data_facts(directory),
        metrics=metrics,
        audit=audit,
        model=_model_facts(model, has_prior="prior" in models),
        ssim=scores,
        rate_distortion=rate_distortion,
        usage=usage,
        histories=histories,
        codebook_sizes=model.tokenizer.codebook_sizes,
        progress={stage: read_progress(getattr(directory, stage).progress) for stage in STAGES},
        source=numbers.source_facts(source),
        assumed=tuple(source.get("assumed", ())),
        comparisons=numbers.comparisons(expect, metrics=metrics, histories=histories, parameters=parameters),
        expect_note=str(expect.get("note", "")),
        parameters=parameters,
        environment=numbers.environment_facts(environment),
        **content,
    )
    progress(STEPS, STEPS)
    return report_data


def _created(model: Model, codes: Codes | None, drawn: Sequence[GeneratedImages]) -> Image:
    """Created scans that were scored; without any, those of the page."""
    if codes is None:
        return np.concatenate([samples.images for samples in drawn])
    first = tuple(level[:CREATED] for level in codes)
    return model.decoders.decode(first, seed=0)[:, 0].numpy()


def _data_facts(directory: RunDirectory) -> DataFacts | None:
    if not directory.data.is_file():
        return None
    known = directory.fingerprint.is_file()
    odd = directory.read(directory.fingerprint).get("odd", ()) if known else ()
    return numbers.data_facts(directory.read(directory.data), odd=odd)


def _model_facts(model: Model, *, has_prior: bool) -> ModelFacts:
    return ModelFacts(
        tokenizer=str(model.recipe.tokenizer["kind"]),
        prior=prior_kind(model.recipe.prior) if has_prior else "",
        codebook_sizes=model.tokenizer.codebook_sizes,
        code_shapes=model.code_shapes,
        id=model.id,
        content=content_of(model) if has_prior else model.id,
    )


def _history(directory: RunDirectory, stage: str) -> list[dict[str, Any]]:
    file = getattr(directory, stage).history
    records: list[dict[str, Any]] = directory.read(file)["history"] if file.is_file() else []
    return records


def _data(model: Model, directory: RunDirectory, cache: Path | None, missing: list[str]) -> RunData | None:
    try:
        return open_data(directory, model.recipe.data, cache=cache)
    except (OSError, ValueError, BadScans) as error:
        missing.append(f"Pictures of real scans: {error}")
        return None


def _scores(
    directory: RunDirectory, data: RunData | None, missing: list[str]
) -> tuple[NDArray[np.float64] | None, tuple[NDArray[np.int64], ...]]:
    """SSIM of every test image and the use of codes, if measured on the current data."""
    file = directory.test_scores
    if not file.is_file():
        missing.append(f"SSIM of each image: run `scanvq evaluate {directory.path.name}`.")
        return None, ()
    scores = directory.read(file)
    if data is not None and scores["rows"] != data.rows("test").tolist():
        missing.append(f"SSIM of each image is out of date: run `scanvq evaluate {directory.path.name}`.")
        return None, ()
    usage = tuple(np.array(counts, np.int64) for counts in scores["usage"])
    return np.array(scores["ssim"], np.float64), usage


def _rate_distortion(model: Model, directory: RunDirectory, missing: list[str]) -> dict[str, Any] | None:
    """The comparison with image codecs, if it was asked for, of this tokenizer."""
    file = directory.rate_distortion(None)
    if not file.is_file():
        return None
    document: dict[str, Any] = directory.read(file)
    if document["source"]["tokenizer"] != model.id:
        command = f"scanvq evaluate {directory.path.name} --codecs"
        missing.append(f"The comparison with image codecs is out of date: run `{command}`.")
        return None
    return document


def _prior_is_usable(model: Model, missing: list[str]) -> bool:
    if not model.has_prior:
        missing.append("Generated scans: no prior is trained yet; run `scanvq fit --resume`.")
        return False
    try:
        return bool(model.prior.priors)
    except WeightsError as error:
        missing.append(f"Generated scans: {error}.")
        return False


def _reproduce_command(directory: RunDirectory) -> str:
    if not directory.settings.is_file():
        return ""
    return numbers.reproduce_command(directory.read_settings(), recipe=str(directory.recipe))
