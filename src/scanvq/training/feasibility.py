"""Checks before any scan is read: the parts of a recipe can be built, fit each other, and fit memory."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from scanvq.build import make_decoder, make_objective, make_prior, make_tokenizer
from scanvq.cohort.conditions import used_columns
from scanvq.cohort.survey import Survey
from scanvq.conditions.space import ConditionSpace
from scanvq.imaging.formats.reading import free_memory
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.recipe.recipe import Recipe
from scanvq.spec import SpecError
from scanvq.types import LikelihoodPrior, Tokenizer

TRAINED_BYTES = 16  # of a parameter: itself, its gradient and two moments of the optimizer, in fp32
KEPT_BYTES = 2  # of a feature that is kept for the gradient, in bf16: at least


def check_feasible(recipe: Recipe, survey: Survey, *, device: torch.device) -> None:
    """Builds all parts without memory, for the images of a survey, and estimates the least memory of a stage.

    Args:
        recipe: completed.
        survey: of the scans, with the data settings of the recipe.
        device: of the training.

    Raises:
        SpecError: a stage needs more memory than there is. CatalogError: conditions that the scans do not
            have. ValueError: settings that contradict each other or the size of the images.
    """
    used_columns(survey.catalog, recipe.data.conditions, volumes=survey.has_volumes)
    preparation = recipe.preparation
    with torch.device("meta"):
        tokenizer = make_tokenizer(recipe.tokenizer)
        geometry = survey.geometry(size=preparation.size, fit=preparation.fit, multiple=tokenizer.multiple)
        size = (geometry.height, geometry.width)
        prior = make_prior(
            recipe.prior,
            codebook_sizes=tokenizer.codebook_sizes,
            code_shapes=tokenizer.code_shapes(*size),
            code_dims=tokenizer.code_dims,
            conditions=ConditionSpace(),
            global_code=recipe.global_code,
        )
        make_objective(recipe.objective("tokenizer"), tokenizer=tokenizer)
        make_objective(recipe.objective("prior"), prior=prior)
        if recipe.decoder is not None:
            decoder = make_decoder(recipe.decoder, tokenizer=tokenizer)
            make_objective(recipe.objective("decoder"), decoder=decoder, faithful=tokenizer)
    most = memory_of(device)
    needed = {"tokenizer": _of_tokenizer(tokenizer, size), "prior": _of_prior(prior, tokenizer, size)}
    for stage, (fixed, of_an_image) in needed.items():
        batch = recipe.stage(stage).batch_size
        if fixed + batch * of_an_image > most:
            reason = "its batch_size" if fixed < most / 2 else "its layers"
            raise SpecError(
                f"training the {stage} takes at least {(fixed + batch * of_an_image) / 2**30:,.1f} GiB for "
                f"images of {size[0]}x{size[1]} with training.{stage}.batch_size = {batch}, but there are "
                f"{most / 2**30:,.1f} GiB; make {reason} or preparation.size smaller."
            )


def memory_of(device: torch.device) -> int:
    """Bytes of a GPU; of a CPU those that are free."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return free_memory()


def _of_tokenizer(tokenizer: Tokenizer, size: tuple[int, int]) -> tuple[int, int]:
    """Least bytes of its parameters, and of the features of an image in its decoder."""
    codes = tuple(
        torch.zeros(1, *shape, dtype=torch.int64, device="meta") for shape in tokenizer.code_shapes(*size)
    )
    return _parameters(tokenizer), KEPT_BYTES * _features(tokenizer, lambda: tokenizer.decode(codes))


def _of_prior(prior: HierarchicalPrior, tokenizer: Tokenizer, size: tuple[int, int]) -> tuple[int, int]:
    """Least bytes of its parameters, and of the logits of an image with their gradients."""
    cells = [height * width for height, width in tokenizer.code_shapes(*size)]
    pairs = zip(cells, tokenizer.codebook_sizes, prior.priors, strict=True)
    logits = sum(count * codes for count, codes, level in pairs if isinstance(level, LikelihoodPrior))
    return _parameters(prior), 2 * KEPT_BYTES * logits


def _parameters(module: nn.Module) -> int:
    return TRAINED_BYTES * sum(parameter.numel() for parameter in module.parameters())


def _features(module: nn.Module, run: Callable[[], object]) -> int:
    """The numbers that the convolutions of a module give in a run."""
    count = 0

    def add(layer: nn.Module, given: object, output: Tensor) -> None:
        nonlocal count
        count += output.numel()

    convolutions = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    hooks = [layer.register_forward_hook(add) for layer in convolutions]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return count
