"""Trains a run: data, tokenizer, codes, prior and decoder; can be interrupted and resumed at any step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from scanvq.build import make_decoder, make_objective, make_prior, make_tokenizer
from scanvq.cohort.survey import Survey
from scanvq.imaging.display import display_name
from scanvq.model.coder import Coder
from scanvq.model.source import ModelError, ModelSource, read_model
from scanvq.model.weights import load_tokenizer
from scanvq.recipe.reading import read_recipe
from scanvq.recipe.recipe import Recipe
from scanvq.settings import StageSettings
from scanvq.storage.files import TEMPORARY_PREFIX, remove_temporary_files, validated, write_text
from scanvq.storage.output_folder import output_file, undo_interrupted
from scanvq.storage.output_record import HIDDEN, is_unchanged_output
from scanvq.storage.run_directory import RunDirectory, RunError
from scanvq.store.run_data import RunData, data_record, prepare_data, reopen_data, survey_data
from scanvq.training.engine import Engine
from scanvq.training.environment import environment
from scanvq.training.fit_request import FitRequest
from scanvq.training.history import Loggers
from scanvq.training.interrupt import Interrupted, stop_on_signal
from scanvq.training.stages.codes import Encoding, encode_splits, plan_encoding, read_encoding
from scanvq.training.stages.natural_decoder import train_decoder
from scanvq.training.stages.prior import train_prior
from scanvq.training.stages.tokenizer import train_tokenizer
from scanvq.training.training_limit import TrainingLimit
from scanvq.types import ProgressFactory


def require_unused(run: RunDirectory) -> None:
    """Raises RunError if training has begun in a run directory, or it has files of someone else.

    A start that failed before training may be repeated: its recipe is recorded, see `output_folder`.
    """
    undo_interrupted(run.path)
    initial = {run.settings, run.recipe, run.fingerprint, run.environment, run.logs}
    if not is_unchanged_output(run.recipe):
        initial = set()
    leftovers = (TEMPORARY_PREFIX, run.lock.name, HIDDEN)
    if any(file not in initial and not file.name.startswith(leftovers) for file in run.path.glob("*")):
        raise RunError(
            f"{run.path} exists and is not empty; continue it with --resume, or choose another --out"
        )


def new_run(run: RunDirectory, recipe: Recipe, request: FitRequest) -> None:
    """Makes a run directory. Raises RunError, see `require_unused`."""
    require_unused(run)
    run.path.mkdir(parents=True, exist_ok=True)
    with output_file(run.recipe, overwrite=True) as file:
        write_text(file, recipe.toml())
    run.write_settings(asdict(request))


def resumed_run(
    run: RunDirectory,
    *,
    budget: float | None = None,
    epochs: int | None = None,
    skip_bad: bool = False,
    allow_leak: bool = False,
) -> tuple[Recipe, FitRequest]:
    """The recipe and the request of an existing run, with the request changed by the arguments."""
    request = validated(run.settings, run.read_settings(), FitRequest)
    if budget is not None or epochs is not None:
        request = replace(request, budget=budget, epochs=epochs)
    request = replace(
        request,
        skip_bad=request.skip_bad or skip_bad,
        allow_leak=request.allow_leak or allow_leak,
    )
    return read_recipe(run.recipe), request


def train_run(
    run: RunDirectory,
    recipe: Recipe,
    request: FitRequest,
    *,
    engine: Engine,
    loggers: Loggers,
    survey: Survey | None = None,
    cache: Path | None = None,
    progress_for: ProgressFactory | None = None,
) -> None:
    """Trains the stages of a run that are not trained yet.

    Args:
        run: its directory, made by `new_run`.
        recipe: completed.
        request: folder, limits, seed.
        engine: device and processes.
        loggers: show the progress.
        survey: of the folder, if the recipe was planned from it; None = survey the folder.
        cache: where prepared stores are kept; None = the cache folder of the user.
        progress_for: returns, for the name of a task, a function of pieces done and all pieces.

    Raises:
        Interrupted: a stop was requested; everything is saved.
    """
    progress = progress_for or (lambda name: lambda done, total: None)
    seed = request.seed
    if engine.is_main:
        remove_temporary_files(run.path)
        run.write_settings(asdict(request))
    data = _data(run, recipe, request, engine, survey, cache, progress)  # not saved when interrupted
    loggers.info(_data_summary(data))
    for note in data.catalog.notes:
        loggers.info(f"note: {display_name(note)}")
    for warning in run.read(run.fingerprint)["odd"] if engine.is_main else ():
        loggers.info(f"warning: {display_name(warning)}")
    _check_parts(recipe, data)
    encoding = _encoding(run, recipe, data, engine)
    loggers.info(f"codes: {encoding.precision}, encoding will take about {encoding.seconds:.0f} s")
    stages = _trained_stages(run, recipe, request)
    initial = _initial_model(run, request)
    with stop_on_signal() as stop_request:
        if "tokenizer" in stages:
            train_tokenizer(
                recipe,
                data,
                run,
                precision=encoding.precision,
                limit=_limit("tokenizer", stages, recipe, request, len(data.rows("train")), engine, encoding),
                seed=seed,
                engine=engine,
                loggers=loggers,
                stop_request=stop_request,
                initial_tokenizer=None if initial is None else initial.tokenizer,
            )
        engine.wait()
        tokenizer, header = load_tokenizer(run.tokenizer.best)
        if engine.is_main:
            encode_splits(
                Coder(tokenizer, precision=header.precision, device=engine.device),
                header.id,
                data,
                run.codes,
                mirrored=_mirrors(recipe),
                progress=progress("codes"),
            )
        engine.wait()
        if engine.largest([float(stop_request.made)])[0]:
            raise Interrupted("the tokenizer is trained; the prior is not")
        train_prior(
            recipe,
            data,
            run,
            tokenizer,
            header,
            limit=_limit("prior", stages, recipe, request, len(data.rows("train")), engine, encoding),
            seed=seed,
            engine=engine,
            loggers=loggers,
            stop_request=stop_request,
            initial_prior=initial.load_prior() if initial is not None and initial.has_prior else None,
        )
        engine.wait()
        if "decoder" not in stages:
            return
        if engine.largest([float(stop_request.made)])[0]:
            raise Interrupted("the prior is trained; the decoder is not")
        train_decoder(
            recipe,
            data,
            run,
            tokenizer,
            header,
            limit=_limit("decoder", stages, recipe, request, len(data.rows("train")), engine, encoding),
            seed=seed,
            engine=engine,
            loggers=loggers,
            stop_request=stop_request,
        )
        engine.wait()


def _trained_stages(run: RunDirectory, recipe: Recipe, request: FitRequest) -> tuple[str, ...]:
    """The stages to train; those of a run whose tokenizer is reused have weights and no resume state here."""
    inherited = ["tokenizer"] if request.tokenizer is not None else []
    if inherited and run.decoder.best.is_file() and not run.decoder.resume.is_file():
        inherited.append("decoder")
    return tuple(stage for stage in recipe.stages if stage not in inherited)


def _mirrors(recipe: Recipe) -> bool:
    """Whether a stage that uses codes also uses those of mirrored images."""
    return any(recipe.stage(stage).augment == "flip" for stage in recipe.stages if stage != "tokenizer")


def _data(
    run: RunDirectory,
    recipe: Recipe,
    request: FitRequest,
    engine: Engine,
    survey: Survey | None,
    cache: Path | None,
    progress: ProgressFactory,
) -> RunData:
    """The main process prepares the data; the others wait, and open it."""
    if engine.is_main and not run.data.exists():
        if survey is None:
            survey = survey_data(Path(request.folder), recipe.data, recipe.preparation, seed=request.seed)
        data = prepare_data(
            survey,
            recipe.preparation,
            multiple=make_tokenizer(recipe.tokenizer).multiple,
            conditions=recipe.data.conditions,
            skip_bad=request.skip_bad,
            allow_leak=request.allow_leak,
            cache=cache,
            progress=progress("prepare"),
            checking=progress("leak check"),
        )
        run.write(run.fingerprint, survey.fingerprint)
        run.write(run.environment, environment(engine))
        run.write(run.data, data_record(data))
        engine.wait()
        return data
    engine.wait()
    return reopen_data(run.read(run.data), recipe.data, cache=cache, progress=progress("prepare"))


def _initial_model(run: RunDirectory, request: FitRequest) -> ModelSource | None:
    if request.initial_model is None:
        return None
    try:
        return read_model(request.initial_model)
    except ModelError as error:
        raise ModelError(f"{error} (initial_model in {run.settings})") from None


def _check_parts(recipe: Recipe, data: RunData) -> None:
    """Builds all parts once, so that incompatible settings fail now and not after hours of training."""
    tokenizer = make_tokenizer(recipe.tokenizer)
    geometry = data.preparation.geometry
    prior = make_prior(
        recipe.prior,
        codebook_sizes=tokenizer.codebook_sizes,
        code_shapes=tokenizer.code_shapes(geometry.height, geometry.width),
        code_dims=tokenizer.code_dims,
        conditions=data.conditions.space,
        global_code=recipe.global_code,
    )
    make_objective(recipe.objective("tokenizer"), tokenizer=tokenizer)
    make_objective(recipe.objective("prior"), prior=prior)
    if recipe.decoder is not None:
        decoder = make_decoder(recipe.decoder, tokenizer=tokenizer)
        make_objective(recipe.objective("decoder"), decoder=decoder, faithful=tokenizer)


def _encoding(run: RunDirectory, recipe: Recipe, data: RunData, engine: Engine) -> Encoding:
    """The main process measures the encoding; the others wait, and read it."""
    if engine.is_main:
        plan_encoding(
            make_tokenizer(recipe.tokenizer),
            data,
            run.encoding,
            mirrored=_mirrors(recipe),
            precision=recipe.stage("tokenizer").precision,
            device=engine.device,
        )
    engine.wait()
    return read_encoding(run.encoding)


def _limit(
    stage: str,
    stages: Sequence[str],
    recipe: Recipe,
    request: FitRequest,
    samples: int,
    engine: Engine,
    encoding: Encoding,
) -> TrainingLimit:
    """A budget includes the encoding, up to half of it; the stages share the rest."""
    settings = recipe.stage(stage)
    if request.budget is not None:
        rest = max(request.budget - encoding.seconds, request.budget / 2)
        if request.tokenizer is not None:  # the codes are there already
            rest = request.budget
        return TrainingLimit(seconds=rest * _share(stage, recipe, stages))
    steps = max(1, samples // (settings.batch_size * engine.processes))
    return TrainingLimit(steps=steps * (request.epochs or settings.epochs))


def _share(stage: str, recipe: Recipe, stages: Sequence[str]) -> float:
    """The share of a stage in the budget of all `stages` that are trained."""
    if len(stages) == 1:
        return 1.0
    shares: dict[str, StageSettings] = {name: recipe.stage(name) for name in stages}
    total = sum(settings.budget_share for settings in shares.values())
    if total == 0:
        settings = " and ".join(f"training.{name}.budget_share" for name in stages)
        raise ValueError(f"{settings} are all 0; give one of them a share above 0")
    return shares[stage].budget_share / total


def _data_summary(data: RunData) -> str:
    counts = ", ".join(f"{len(data.rows(split)):,} {split}" for split in ("train", "validation", "test"))
    geometry = data.preparation.geometry
    skipped = f"; {len(data.store.skipped)} files left out" if data.store.skipped else ""
    leaks = f"; LEAK: {len(data.leaks)} allowed" if data.leaks else ""
    return f"{data.catalog.layout}: {counts} slices of {geometry.height}x{geometry.width}{skipped}{leaks}"
