"""What `import scanvq` gives: train a run, load it, use its model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from scanvq.model.model import Model
from scanvq.planning.document import Plan, read_plan
from scanvq.planning.make import make_plan
from scanvq.recipe.reading import read_recipe
from scanvq.recipe.recipe import Recipe
from scanvq.run import Run
from scanvq.storage.files import write_text
from scanvq.storage.run_directory import RunDirectory
from scanvq.training.engine import Engine
from scanvq.training.fit import FitRequest, new_run, resumed_run, train_run
from scanvq.training.history import Logger, Loggers
from scanvq.training.initialization import folder_of, inherit_from, recipe_on_tokenizer
from scanvq.training.relocate import relocate
from scanvq.training.training_limit import seconds_of
from scanvq.types import ProgressFactory

__all__ = ["Model", "Run", "fit", "load"]


def load(path: str | Path, *, device: str = "auto") -> Run:
    """Loads a trained run from its directory."""
    return Run(path, device=device)


def fit(
    folder: str | Path | None,
    *,
    out: str | Path,
    recipe: str | Path | Recipe | None = None,
    plan: str | Path | Plan | None = None,
    overrides: Sequence[str] = (),
    budget: str | float | None = None,
    epochs: int | None = None,
    seed: int = 0,
    resume: bool = False,
    tokenizer: str | Path | None = None,
    start: str | Path | None = None,
    skip_bad: bool = False,
    allow_leak: bool = False,
    device: str = "auto",
    cache: Path | None = None,
    loggers: Callable[[Engine, RunDirectory], Sequence[Logger]] | None = None,
    progress_for: ProgressFactory | None = None,
) -> Run | None:
    """Trains a tokenizer and a prior on a folder of scans.

    Args:
        folder: the scans; None takes those of the run named by `resume`, `tokenizer` or `start`. With
            `resume`, where the run's scans lie now, if they were moved.
        out: the run directory to make, or to go on with.
        recipe: name, TOML file, or a completed recipe; None is that of the run named by `tokenizer` or
            `start`, else one planned for these scans.
        plan: a plan, or the file of one; it names folder, budget and seed too.
        overrides: settings in place of the recipe's, such as "tokenizer.quantizer.codebook_size=256".
        budget: how long to train, as "10m" or in seconds; None for epochs.
        epochs: of each stage, in place of the recipe's.
        seed: of splits, weights and order; a plan's own where one is given.
        resume: go on with the run at `out`.
        tokenizer: a run whose tokenizer, data and splits are taken; only a prior is trained.
        start: a run from whose weights training begins; on the same folder its splits are kept.
        skip_bad: leave unusable files out rather than stop.
        allow_leak: train on splits that share subjects or scans; the report then says so.
        device: "auto", "cpu", "cuda" or "mps".
        cache: where prepared stores are kept; None is the user's cache folder.
        loggers: makes those who look on, on the main process.
        progress_for: gives, for the name of a piece of work, a function of pieces done and all pieces.

    Returns:
        The trained run; None on all processes but the main one.

    Raises:
        Interrupted: asked to stop; the run is saved and can be resumed.
        LeakError: the same subjects or scans on two sides of a split.
    """
    seconds = seconds_of(budget) if isinstance(budget, str) else budget
    run = RunDirectory(Path(out))
    engine = Engine(device=device)
    survey = None
    if not resume and engine.is_main:
        planned = None
        if plan is not None:
            planned = _read(plan, recipe, overrides, tokenizer or start)
        elif recipe is None and tokenizer is None and start is None:
            planned = make_plan(
                _folder(folder, None),
                budget=seconds,
                overrides=overrides,
                seed=seed,
                skip_bad=skip_bad,
                device=engine.device,
                dry_run=epochs is None,
            )
            survey = planned.survey
        if planned is not None:
            folder = planned.folder if folder is None else folder
            seconds = planned.budget if seconds is None and epochs is None else seconds
            seed = planned.seed
        request = FitRequest(
            folder=str(_folder(folder, tokenizer or start)),
            tokenizer=None if tokenizer is None else str(Path(tokenizer).resolve()),
            start=None if start is None else str(Path(start).resolve()),
            budget=seconds,
            epochs=epochs,
            seed=seed,
            skip_bad=skip_bad,
            allow_leak=allow_leak,
        )
        new_run(
            run, _recipe(recipe, overrides, tokenizer, start) if planned is None else planned.recipe, request
        )
        if planned is not None:
            write_text(run.plan, planned.toml())
        inherit_from(run, request)
    elif folder is not None and engine.is_main:
        relocate(
            run,
            _folder(folder, None),
            cache=cache,
            progress=progress_for("prepare") if progress_for else None,
        )
    engine.wait()
    began = time.monotonic()
    completed, request = resumed_run(
        run,
        budget=seconds if resume else None,
        epochs=epochs if resume else None,
        skip_bad=skip_bad,
        allow_leak=allow_leak,
    )
    attached = loggers(engine, run) if loggers is not None and engine.is_main else ()
    train_run(
        run,
        completed,
        request,
        engine=engine,
        loggers=Loggers(attached),
        survey=survey,
        cache=cache,
        progress_for=progress_for,
    )
    if not engine.is_main:
        return None
    trained = Run(out, device=device)
    trained.began = None if resume else began
    return trained


def _read(
    plan: str | Path | Plan,
    recipe: str | Path | Recipe | None,
    overrides: Sequence[str],
    other: str | Path | None,
) -> Plan:
    if recipe is not None or overrides or other is not None:
        raise ValueError(
            "a plan says everything: leave --recipe, --set, --tokenizer and --from out, or change its file"
        )
    return plan if isinstance(plan, Plan) else read_plan(Path(plan))


def _folder(folder: str | Path | None, other: str | Path | None) -> Path:
    if folder is not None:
        return Path(folder).resolve()
    if other is None:
        raise ValueError("name the folder of scans to train on")
    return folder_of(RunDirectory(Path(other)))


def _recipe(
    recipe: str | Path | Recipe | None,
    overrides: Sequence[str],
    tokenizer: str | Path | None,
    start: str | Path | None,
) -> Recipe:
    other = tokenizer or start
    if recipe is None:
        assert other is not None  # else there is a plan
        recipe = RunDirectory(Path(other)).recipe
    completed = recipe if isinstance(recipe, Recipe) else read_recipe(recipe, overrides=overrides)
    own = ("data.", "preparation.", "tokenizer.", "training.tokenizer.")
    fixed = [one for one in overrides if one.startswith(own)]
    if tokenizer is not None and fixed:
        raise ValueError(
            f"--set {fixed[0]} cannot change the tokenizer of {tokenizer}, which is taken as it is"
        )
    return completed if tokenizer is None else recipe_on_tokenizer(RunDirectory(Path(tokenizer)), completed)
