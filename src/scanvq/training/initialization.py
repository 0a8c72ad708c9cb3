"""Initializes a new run from another run: from its trained tokenizer, or from all of its weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from torch import nn

from scanvq.conditions.space import ConditionSpace, NumberCondition
from scanvq.model.headers import TokenizerHeader
from scanvq.priors.spatial_condition import SpatialCondition
from scanvq.recipe.reading import read_recipe
from scanvq.recipe.recipe import Recipe
from scanvq.storage.run_directory import RunDirectory, RunError, StageDirectory
from scanvq.storage.weights import WeightsError, read_weights
from scanvq.training.fit_request import FitRequest

TOKENIZER_SECTIONS = ("data", "preparation", "tokenizer")
DECODER = "decoder"  # a section, and the stage that trains it


def recipe_with_tokenizer(source_run: RunDirectory, recipe: Recipe) -> Recipe:
    """The data, preparation and tokenizer of another run with the prior of a recipe.

    A trained decoder of created images belongs to its tokenizer, and comes with it.
    """
    inherited = read_recipe(source_run.recipe)
    training = {**recipe.sections["training"], "tokenizer": inherited.sections["training"]["tokenizer"]}
    kept = {name: inherited.sections[name] for name in TOKENIZER_SECTIONS}
    if source_run.decoder.best.is_file():
        kept[DECODER] = inherited.sections[DECODER]
        training[DECODER] = inherited.sections["training"][DECODER]
    return replace(recipe, sections={**recipe.sections, **kept, "training": training})


def scan_folder(run: RunDirectory) -> Path:
    """The folder of scans of a run. Raises RunError if the run has no data yet."""
    return Path(run.read(run.data)["folder"])


def inherit_from(run: RunDirectory, request: FitRequest) -> None:
    """Copies into a new run what it inherits from the run named in the request, if any.

    With the same folder these are the splits and the preparation, so that no subject of the test split of the
    other run is trained on.

    Raises:
        RunError: another folder than that of the run whose tokenizer is reused, or no such run.
        WeightsError: the tokenizer of that run is not trained yet.
    """
    name = request.tokenizer or request.initial_model
    if name is None or not Path(name).is_dir():  # a model file has no scans
        return
    source_run = RunDirectory(Path(name))
    same_folder = scan_folder(source_run) == Path(request.folder)
    if request.tokenizer is not None:
        if not same_folder:
            raise RunError(f"the tokenizer of {name} needs the scans of that run; leave the folder out")
        _copy_tokenizer(run, source_run)
    if same_folder:
        _check_conditions(run, source_run)
        source_run.read(source_run.fingerprint)
        shutil.copyfile(source_run.fingerprint, run.fingerprint)
        shutil.copyfile(source_run.data, run.data)


def _check_conditions(run: RunDirectory, source_run: RunDirectory) -> None:
    """Raises RunError where the two recipes name different conditions."""
    names, source_names = (read_recipe(each.recipe).data.conditions for each in (run, source_run))
    if names != source_names:
        raise RunError(
            f"data.conditions is {', '.join(names) or 'empty'}, but {', '.join(source_names) or 'empty'} in "
            f"{source_run.path}, from which this run starts; leave data.conditions out, or start from random "
            "weights"
        )


def condition_space_of_prior(space: ConditionSpace, pretrained: ConditionSpace) -> ConditionSpace:
    """The conditions of a run's data in the scale of the prior from whose weights it starts.

    Args:
        space: of the data.
        pretrained: of that prior.

    Returns:
        The same conditions; numbers are standardized with that prior's mean and standard deviation.

    Raises:
        WeightsError: that prior was trained with other conditions, or with categories of other values.
    """
    numbers = {number.name: number for number in pretrained.numbers}
    if (
        space.names != pretrained.names
        or space.categories != pretrained.categories
        or len(space.numbers) != len(numbers)
    ):
        raise WeightsError(f"the prior to start from was trained with {pretrained}; these scans have {space}")
    return ConditionSpace(
        tuple(
            replace(condition, mean=numbers[condition.name].mean, std=numbers[condition.name].std)
            if isinstance(condition, NumberCondition)
            else condition
            for condition in space.conditions
        )
    )


def _copy_tokenizer(run: RunDirectory, source_run: RunDirectory) -> None:
    """Copies a trained tokenizer and its decoder of created images with their histories, and the codes."""
    read_weights(source_run.tokenizer.best, TokenizerHeader)
    _copy_stage(source_run.tokenizer, run.tokenizer)
    if source_run.decoder.best.is_file():
        _copy_stage(source_run.decoder, run.decoder)
    if (source_run.codes / "codes.json").is_file():
        shutil.copytree(source_run.codes, run.codes)


def _copy_stage(source_stage: StageDirectory, stage: StageDirectory) -> None:
    stage.path.mkdir(parents=True, exist_ok=True)
    for source_file, file in (
        (source_stage.best, stage.best),
        (source_stage.last, stage.last),
        (source_stage.history, stage.history),
        (source_stage.progress, stage.progress),
    ):
        if source_file.is_file():
            shutil.copyfile(source_file, file)


def load_pretrained(module: nn.Module, pretrained: nn.Module, name: str) -> None:
    """Loads the weights of a part of another model; learned positions are resampled to the grid of `module`.

    Args:
        module: the part to initialize.
        pretrained: the same part of the other model.
        name: what it is, and of which model, for messages.

    Raises:
        WeightsError: the two parts have different settings.
    """
    state = pretrained.state_dict()
    theirs = dict(pretrained.named_modules())
    for path, own in module.named_modules():
        other = theirs.get(path)
        if isinstance(own, SpatialCondition) and isinstance(other, SpatialCondition):
            state |= {f"{path}.{key}": values for key, values in own.positions_from(other).items()}
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise WeightsError(f"the {name} does not fit this recipe ({first})") from None
