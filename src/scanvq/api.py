"""The public Python API: train a run, load a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from scanvq.model.model import Model
from scanvq.model.source import read_model
from scanvq.nn.device import choose_device
from scanvq.notebook.display import in_notebook
from scanvq.planning.dataset_facts import Goal
from scanvq.planning.document import Plan, read_plan
from scanvq.planning.make import make_plan
from scanvq.recipe.reading import parse_recipe, read_recipe
from scanvq.recipe.recipe import Recipe
from scanvq.run import Run
from scanvq.storage.files import write_text
from scanvq.storage.run_directory import RunDirectory
from scanvq.storage.run_lock import lock_run
from scanvq.store.run_data import survey_data
from scanvq.training.engine import Engine
from scanvq.training.feasibility import check_feasible
from scanvq.training.fit import FitRequest, new_run, require_unused, resumed_run, train_run
from scanvq.training.history import Logger, Loggers
from scanvq.training.initialization import inherit_from, recipe_with_tokenizer, scan_folder
from scanvq.training.loggers.notebook import NotebookLogger, notebook_progress
from scanvq.training.relocate import relocate
from scanvq.training.training_limit import parse_duration
from scanvq.types import ProgressFactory

__all__ = ["Model", "Plan", "Run", "fit", "load", "plan"]


def load(path: str | Path, *, device: str = "auto") -> Run:
    """Loads a trained run from its directory."""
    return Run(path, device=device)


def plan(
    folder: str | Path,
    *,
    budget: str | float | None = None,
    goal: Goal = "create",
    overrides: Sequence[str] = (),
    seed: int = 0,
    skip_bad: bool = False,
    dry_run: bool = True,
    device: str = "auto",
) -> Plan:
    """Plans a run on a folder of scans: every setting with its reason. `fit(None, plan=...)` trains it.

    Args:
        folder: the scans.
        budget: how long to train, as "10m" or in seconds; None = 30 minutes.
        goal: "create", "reconstruct" or "compress".
        overrides: settings that replace those of the plan, such as "prior.kind=transformer".
        seed: of splits, weights and batches.
        skip_bad: leave unreadable files out instead of stopping.
        dry_run: whether to estimate the cost by a dry run on a few scans.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        CatalogError: nothing usable in the folder. BadScans: unreadable files, without `skip_bad`.
    """
    return make_plan(
        Path(folder),
        budget=_seconds(budget),
        goal=goal,
        overrides=overrides,
        seed=seed,
        skip_bad=skip_bad,
        device=choose_device(device),
        dry_run=dry_run,
    )


def fit(
    folder: str | Path | None,
    *,
    out: str | Path,
    recipe: str | Path | Recipe | None = None,
    plan: str | Path | Plan | None = None,
    goal: Goal | None = None,
    overrides: Sequence[str] = (),
    budget: str | float | None = None,
    epochs: int | None = None,
    seed: int = 0,
    resume: bool = False,
    tokenizer: str | Path | None = None,
    initial_model: str | Path | None = None,
    skip_bad: bool = False,
    allow_leak: bool = False,
    sample_scores: bool = True,
    device: str = "auto",
    cache: Path | None = None,
    loggers: Callable[[Engine, RunDirectory], Sequence[Logger]] | None = None,
    progress_for: ProgressFactory | None = None,
) -> Run | None:
    """Trains a tokenizer and a prior on a folder of scans.

    Args:
        folder: the scans; None = those of the run named by `resume`, `tokenizer` or `initial_model`. With
            `resume`, the new folder of the scans if they were moved.
        out: the run directory to create, or to resume.
        recipe: name, TOML file, or a completed recipe; None = that of the run named by `tokenizer` or
            `initial_model`, else a plan for these scans.
        plan: a plan or its file; it includes folder, budget and seed.
        goal: what a plan for these scans is for: "create" (the default), "reconstruct" or "compress".
        overrides: settings that replace those of the recipe, such as "tokenizer.quantizer.codebook_size=256".
        budget: how long to train, as "10m" or in seconds; None = train by epochs.
        epochs: of each stage; None = those of the recipe.
        seed: of splits, weights and batches; with a plan, the seed of the plan is used.
        resume: continue the run at `out`.
        tokenizer: a run whose tokenizer, data and splits are reused; only a prior is trained.
        initial_model: run directory, model file or name of the model for initial weights; the splits of a
            run are kept if the folder is the same.
        skip_bad: leave unusable files out instead of stopping.
        allow_leak: train on splits that share subjects or scans; the report shows it.
        sample_scores: whether the cost estimate of a plan includes `Run.evaluate_samples_briefly`, which the
            command line calls at its end.
        device: "auto", "cpu", "cuda" or "mps".
        cache: where prepared stores are kept; None = the cache folder of the user.
        loggers: makes the loggers, on the main process.
        progress_for: returns, for the name of a task, a function of items done and all items. A notebook
            shows the progress by itself where neither this nor `loggers` is given.

    Returns:
        The trained run; None on all processes but the main process.

    Raises:
        Interrupted: a stop was requested; the run is saved and can be resumed.
        LeakError: splits share subjects or scans.
    """
    seconds = _seconds(budget)
    if loggers is None and progress_for is None and in_notebook():
        loggers, progress_for = (lambda engine, run: [NotebookLogger()]), notebook_progress
    run = RunDirectory(Path(out))
    if resume and overrides:
        raise ValueError(
            f"--set {overrides[0]} cannot change a run that is resumed: its settings are in {run.recipe}; "
            "start a new run, with --tokenizer or --from to build on this one"
        )
    if goal is not None and (
        resume or any(part is not None for part in (recipe, plan, tokenizer, initial_model))
    ):
        raise ValueError(
            "goal is for a new plan, which `fit FOLDER` makes by itself; leave it out with --recipe, --plan, "
            "--tokenizer, --from or --resume"
        )
    engine = Engine(device=device)
    survey = None
    with ExitStack() as held:  # by the main process, until training ends
        if resume and engine.is_main:
            run.check()
            held.enter_context(lock_run(run))
            if folder is not None:
                relocate(
                    run,
                    _folder(folder, None),
                    cache=cache,
                    progress=progress_for("prepare") if progress_for else None,
                )
        elif engine.is_main:
            require_unused(run)
            planned = None
            if plan is not None:
                planned = _read(plan, recipe, overrides, tokenizer or initial_model)
            elif recipe is None and tokenizer is None and initial_model is None:
                planned = make_plan(
                    _folder(folder, None),
                    budget=seconds,
                    goal=goal or "create",
                    overrides=overrides,
                    seed=seed,
                    skip_bad=skip_bad,
                    device=engine.device,
                    dry_run=epochs is None,
                    sample_scores=sample_scores,
                )
                survey = planned.survey
            if planned is not None:
                folder = planned.folder if folder is None else folder
                seconds = planned.budget if seconds is None and epochs is None else seconds
                seed = planned.seed
            request = FitRequest(
                folder=str(_folder(folder, tokenizer or initial_model)),
                tokenizer=None if tokenizer is None else str(Path(tokenizer).resolve()),
                initial_model=None if initial_model is None else _located(initial_model),
                budget=seconds,
                epochs=epochs,
                seed=seed,
                skip_bad=skip_bad,
                allow_leak=allow_leak,
            )
            given = planned.recipe if planned else _recipe(recipe, overrides, tokenizer, initial_model)
            if tokenizer is None and survey is None:
                survey = survey_data(Path(request.folder), given.data, given.preparation, seed=seed)
            if survey is not None:
                check_feasible(given, survey, device=engine.device)
            held.enter_context(lock_run(run))
            new_run(run, given, request)
            if planned is not None:
                write_text(run.plan, planned.toml())
            inherit_from(run, request)
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


def _seconds(budget: str | float | None) -> float | None:
    return parse_duration(budget) if isinstance(budget, str) else budget


def _read(
    plan: str | Path | Plan,
    recipe: str | Path | Recipe | None,
    overrides: Sequence[str],
    source_run: str | Path | None,
) -> Plan:
    if recipe is not None or overrides or source_run is not None:
        raise ValueError(
            "a plan includes all settings: edit the plan, or leave out --recipe, --set, --tokenizer, --from"
        )
    return plan if isinstance(plan, Plan) else read_plan(Path(plan))


def _folder(folder: str | Path | None, source_run: str | Path | None) -> Path:
    if folder is not None:
        return Path(folder).resolve()
    if source_run is not None and not Path(source_run).is_dir():
        read_model(source_run)  # raises ModelError if there is no such model
        raise ValueError(f"name the folder of scans to train on; {source_run} is a model without scans")
    if source_run is None:
        raise ValueError("name the folder of scans to train on")
    return scan_folder(RunDirectory(Path(source_run)))


def _located(model: str | Path) -> str:
    """A run directory or model file as an absolute path; the name of a shipped model as it is."""
    return str(Path(model).resolve()) if Path(model).exists() else str(model)


def _recipe(
    recipe: str | Path | Recipe | None,
    overrides: Sequence[str],
    tokenizer: str | Path | None,
    initial_model: str | Path | None,
) -> Recipe:
    source_run = tokenizer or initial_model
    if recipe is None:
        assert source_run is not None  # without one there is a plan
        text = read_model(source_run).recipe.toml()
        completed = parse_recipe(text, label=str(source_run), overrides=overrides)
    else:
        completed = recipe if isinstance(recipe, Recipe) else read_recipe(recipe, overrides=overrides)
    fixed_sections = ["data.", "preparation.", "tokenizer.", "training.tokenizer."]
    if tokenizer is not None and RunDirectory(Path(tokenizer)).decoder.best.is_file():
        fixed_sections += ["decoder.", "training.decoder."]  # trained, and reused with its tokenizer
    fixed = [override for override in overrides if override.startswith(tuple(fixed_sections))]
    if tokenizer is not None and fixed:
        raise ValueError(
            f"--set {fixed[0]} cannot change the trained parts of {tokenizer}, which are reused unchanged"
        )
    return completed if tokenizer is None else recipe_with_tokenizer(RunDirectory(Path(tokenizer)), completed)
