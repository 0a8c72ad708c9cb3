"""A new run that stands on another: on its trained tokenizer, or on all of its weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from torch import nn

from scanvq.conditions.space import ConditionSpace, NumberCondition
from scanvq.model.headers import PriorHeader, TokenizerHeader
from scanvq.recipe.recipe import Recipe, read_recipe
from scanvq.storage.run_directory import RunDirectory, RunError
from scanvq.storage.weights import Header, WeightsError, read_weights
from scanvq.training.fit_request import FitRequest

OF_THE_TOKENIZER = ("data", "preparation", "tokenizer")


def recipe_on_tokenizer(other: RunDirectory, recipe: Recipe) -> Recipe:
    """The other run's data, preparation and tokenizer with a recipe's prior."""
    theirs = read_recipe(other.recipe)
    training = {**recipe.sections["training"], "tokenizer": theirs.sections["training"]["tokenizer"]}
    kept = {name: theirs.sections[name] for name in OF_THE_TOKENIZER}
    return replace(recipe, sections={**recipe.sections, **kept, "training": training})


def folder_of(other: RunDirectory) -> Path:
    """The folder that a run was trained on. Raises RunError where it has no data yet."""
    return Path(other.read(other.data)["folder"])


def inherit_from(run: RunDirectory, request: FitRequest) -> None:
    """Gives a new run what it takes over from the run that it stands on, if any.

    On the same folder it takes over splits and preparation, so that nobody whom the other run tests is
    trained on here.

    Raises:
        RunError: another folder than that of the run whose tokenizer is taken, or no such run.
        WeightsError: that run's tokenizer is not trained yet.
    """
    name = request.tokenizer or request.start
    if name is None:
        return
    other = RunDirectory(Path(name))
    same = folder_of(other) == Path(request.folder)
    if request.tokenizer is not None:
        if not same:
            raise RunError(f"the tokenizer of {name} goes with that run's scans; leave the folder out")
        _copy_tokenizer(run, other)
    if same:
        _check_conditions(run, other)
        other.read(other.fingerprint)
        shutil.copyfile(other.fingerprint, run.fingerprint)
        shutil.copyfile(other.data, run.data)


def _check_conditions(run: RunDirectory, other: RunDirectory) -> None:
    ours, theirs = (read_recipe(one.recipe).data.conditions for one in (run, other))
    if ours != theirs:
        named = [", ".join(names) or "none" for names in (ours, theirs)]
        raise RunError(
            f"data.conditions names {named[0]}, but this run stands on {other.path}, which names {named[1]}; "
            "leave data.conditions out, or start from random weights"
        )


def space_of_start(space: ConditionSpace, start: Path) -> ConditionSpace:
    """The conditions of a run's data as the prior that it begins from knows them.

    Args:
        space: of the data.
        start: weights file of that prior.

    Returns:
        The same conditions, with numbers standardized as that prior has learned them.

    Raises:
        WeightsError: that prior was trained with other conditions, or with categories of other values.
    """
    theirs = read_weights(start, PriorHeader).header.conditions
    known = {one.name: one for one in theirs.numbers}
    if (
        space.names != theirs.names
        or space.categories != theirs.categories
        or len(space.numbers) != len(known)
    ):
        raise WeightsError(f"the prior in {start} was trained with {theirs}; these scans have {space}")
    return ConditionSpace(
        tuple(
            replace(one, mean=known[one.name].mean, std=known[one.name].std)
            if isinstance(one, NumberCondition)
            else one
            for one in space.conditions
        )
    )


def _copy_tokenizer(run: RunDirectory, other: RunDirectory) -> None:
    """Takes over a trained tokenizer with the history of its training, and the codes that it has made."""
    read_weights(other.tokenizer.best, TokenizerHeader)
    theirs, ours = other.tokenizer, run.tokenizer
    ours.path.mkdir(parents=True, exist_ok=True)
    for source, target in (
        (theirs.best, ours.best),
        (theirs.last, ours.last),
        (theirs.history, ours.history),
        (theirs.progress, ours.progress),
    ):
        if source.is_file():
            shutil.copyfile(source, target)
    if (other.codes / "codes.json").is_file():
        shutil.copytree(other.codes, run.codes)


def load_pretrained(module: nn.Module, path: Path, header: type[Header]) -> None:
    """Sets a part to begin from another run's weights.

    Raises:
        WeightsError: they are of a part with other settings.
    """
    weights = read_weights(path, header)
    try:
        module.load_state_dict(weights.tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise WeightsError(
            f"the {weights.header.role} in {path} does not fit this recipe ({first})"
        ) from None
