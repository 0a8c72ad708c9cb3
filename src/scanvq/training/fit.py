"""A whole run: data, tokenizer, codes, prior; stopped at any moment and gone on with later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from scanvq.build import make_objective, make_prior, make_tokenizer
from scanvq.cohort.survey import Survey
from scanvq.model.coder import Coder
from scanvq.model.weights import load_tokenizer
from scanvq.recipe.recipe import Recipe, read_recipe
from scanvq.settings import StageSettings
from scanvq.storage.files import UNFINISHED, remove_unfinished, write_text
from scanvq.storage.run_directory import RunDirectory, RunError
from scanvq.store.run_data import RunData, data_record, prepare_data, reopen_data, survey_data
from scanvq.training.engine import Engine
from scanvq.training.environment import environment
from scanvq.training.fit_request import FitRequest
from scanvq.training.history import Loggers
from scanvq.training.interrupt import Interrupted, stop_on_signal
from scanvq.training.stages.codes import Encoding, encode_splits, plan_encoding, read_encoding
from scanvq.training.stages.prior import train_prior
from scanvq.training.stages.tokenizer import train_tokenizer
from scanvq.training.training_limit import TrainingLimit


def new_run(run: RunDirectory, recipe: Recipe, request: FitRequest) -> None:
    """Makes a run directory. Raises RunError where there is more than a start that came to nothing."""
    start = {run.settings, run.recipe, run.fingerprint, run.environment, run.logs}
    if any(file not in start and not file.name.startswith(UNFINISHED) for file in run.path.glob("*")):
        raise RunError(
            f"{run.path} exists and is not empty; go on with it by --resume, or choose another --out"
        )
    run.path.mkdir(parents=True, exist_ok=True)
    run.write_settings(asdict(request))
    write_text(run.recipe, recipe.toml())


def resumed_run(
    run: RunDirectory,
    *,
    budget: float | None = None,
    epochs: int | None = None,
    skip_bad: bool = False,
    allow_leak: bool = False,
) -> tuple[Recipe, FitRequest]:
    """The recipe and the call of a run that exists; what is given here takes the place of what was then."""
    request = FitRequest(**run.read_settings())
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
    progress_for: Callable[[str], Callable[[int, int], None]] | None = None,
) -> None:
    """Trains what of a run is not trained yet.

    Args:
        run: its directory, made by `new_run`.
        recipe: completed.
        request: folder, limits, seed.
        engine: device and processes.
        loggers: who looks on.
        survey: of the folder, where the recipe was planned from it just now.
        cache: where prepared stores are kept; None is the user's cache folder.
        progress_for: gives, for the name of a piece of work, a function of pieces done and all pieces.

    Raises:
        Interrupted: asked to stop; everything is saved.
    """
    progress = progress_for or (lambda name: lambda done, total: None)
    seed = request.seed
    if engine.is_main:
        remove_unfinished(run.path)
        run.write_settings(asdict(request))
    data = _data(run, recipe, request, engine, survey, cache, progress)  # stops at once when interrupted
    loggers.info(_reported(data))
    _check_parts(recipe, data)
    encoding = _encoding(run, recipe, data, engine)
    loggers.info(f"codes: {encoding.precision}, encoding will take about {encoding.seconds:.0f} s")
    start = None if request.start is None else RunDirectory(Path(request.start))
    with stop_on_signal() as stop:
        if request.tokenizer is None:
            train_tokenizer(
                recipe,
                data,
                run,
                precision=encoding.precision,
                limit=_limit("tokenizer", recipe, request, len(data.rows("train")), engine, encoding),
                seed=seed,
                engine=engine,
                loggers=loggers,
                request=stop,
                start=None if start is None else start.tokenizer.best,
            )
        engine.wait()
        tokenizer, header = load_tokenizer(run.tokenizer.best)
        if engine.is_main:
            encode_splits(
                Coder(tokenizer, precision=header.precision, device=engine.device),
                header.id,
                data,
                run.codes,
                mirrored=recipe.stage("prior").augment == "flip",
                progress=progress("codes"),
            )
        engine.wait()
        if engine.largest([float(stop.made)])[0]:
            raise Interrupted("the tokenizer is trained; the prior has not begun")
        train_prior(
            recipe,
            data,
            run,
            tokenizer,
            header,
            limit=_limit("prior", recipe, request, len(data.rows("train")), engine, encoding),
            seed=seed,
            engine=engine,
            loggers=loggers,
            request=stop,
            start=start.prior.best if start is not None and start.prior.best.is_file() else None,
        )
        engine.wait()


def _data(
    run: RunDirectory,
    recipe: Recipe,
    request: FitRequest,
    engine: Engine,
    survey: Survey | None,
    cache: Path | None,
    progress: Callable[[str], Callable[[int, int], None]],
) -> RunData:
    """The main process prepares; the others wait, and find it done."""
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


def _check_parts(recipe: Recipe, data: RunData) -> None:
    """Builds everything once, so that what does not fit together is said now and not after hours."""
    tokenizer = make_tokenizer(recipe.tokenizer)
    geometry = data.preparation.geometry
    prior = make_prior(
        recipe.prior,
        codebook_sizes=tokenizer.codebook_sizes,
        code_shapes=tokenizer.code_shapes(geometry.height, geometry.width),
        code_dims=tokenizer.code_dims,
        conditions=data.conditions.space,
    )
    make_objective(recipe.objective("tokenizer"), tokenizer=tokenizer)
    make_objective(recipe.objective("prior"), prior=prior)


def _encoding(run: RunDirectory, recipe: Recipe, data: RunData, engine: Engine) -> Encoding:
    """The main process measures; the others wait, and read."""
    if engine.is_main:
        plan_encoding(
            make_tokenizer(recipe.tokenizer),
            data,
            run.encoding,
            mirrored=recipe.stage("prior").augment == "flip",
            precision=recipe.stage("tokenizer").precision,
            device=engine.device,
        )
    engine.wait()
    return read_encoding(run.encoding)


def _limit(
    stage: str, recipe: Recipe, request: FitRequest, samples: int, engine: Engine, encoding: Encoding
) -> TrainingLimit:
    """A budget pays for encoding too, with half of it at most; the stages share the rest."""
    settings = recipe.stage(stage)
    if request.budget is not None and request.tokenizer is not None:
        return TrainingLimit(seconds=request.budget)
    if request.budget is not None:
        rest = max(request.budget - encoding.seconds, request.budget / 2)
        return TrainingLimit(seconds=rest * _share(stage, recipe))
    steps = max(1, samples // (settings.batch_size * engine.processes))
    return TrainingLimit(steps=steps * (request.epochs or settings.epochs))


def _share(stage: str, recipe: Recipe) -> float:
    shares: dict[str, StageSettings] = {name: recipe.stage(name) for name in ("tokenizer", "prior")}
    total = sum(settings.budget_share for settings in shares.values())
    if total == 0:
        raise ValueError("training.tokenizer.budget_share and training.prior.budget_share are both 0")
    return shares[stage].budget_share / total


def _reported(data: RunData) -> str:
    counts = ", ".join(f"{len(data.rows(split)):,} {split}" for split in ("train", "validation", "test"))
    geometry = data.preparation.geometry
    odd = f"; {len(data.store.skipped)} files left out" if data.store.skipped else ""
    leaks = f"; LEAK: {len(data.leaks)} allowed" if data.leaks else ""
    return f"{data.catalog.layout}: {counts} slices of {geometry.height}x{geometry.width}{odd}{leaks}"
