"""The prior stage: build a prior for the tokenizer's codes, train it, load its best weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.build import make_objective, make_prior
from scanvq.conditions.joint_distribution import JointDistribution
from scanvq.model.headers import GlobalCodeSizes, JointCounts, PriorHeader, TokenizerHeader
from scanvq.model.requested_values import sample_condition
from scanvq.priors.global_code import GlobalCode
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.recipe.recipe import Recipe
from scanvq.storage.run_directory import RunDirectory
from scanvq.storage.weights import content_id, save_weights
from scanvq.store.run_data import RunData
from scanvq.training.datasets import CodeDataset
from scanvq.training.engine import Engine
from scanvq.training.history import Loggers
from scanvq.training.initialization import condition_space_of_prior, load_pretrained
from scanvq.training.interrupt import StopRequest
from scanvq.training.loop import train
from scanvq.training.stage import Stage, TrainingState
from scanvq.training.stages.codes import Levels, read_codes
from scanvq.training.training_limit import TrainingLimit
from scanvq.training.validation import mean_losses
from scanvq.types import UNKNOWN, Codes, SamplingParams, Tokenizer

PROGRESS_SAMPLES = 4


def train_prior(
    recipe: Recipe,
    data: RunData,
    run: RunDirectory,
    tokenizer: Tokenizer,
    tokenizer_header: TokenizerHeader,
    *,
    limit: TrainingLimit,
    seed: int,
    engine: Engine,
    loggers: Loggers,
    stop_request: StopRequest,
    initial_prior: tuple[HierarchicalPrior, PriorHeader] | None = None,
) -> TrainingState:
    """Trains the recipe's prior on the codes of the training split.

    `initial_prior` is a trained prior to begin with in place of random weights.
    """
    torch.manual_seed(seed)
    settings = recipe.stage("prior")
    space = data.conditions.space
    if initial_prior is not None:
        space = condition_space_of_prior(space, initial_prior[1].conditions)
    prior = make_prior(
        recipe.prior,
        codebook_sizes=tokenizer_header.codebook_sizes,
        code_shapes=tokenizer_header.code_shapes,
        code_dims=tokenizer.code_dims,
        conditions=space,
        global_code=recipe.global_code,
    )
    if initial_prior is not None:
        load_pretrained(prior, initial_prior[0], f"prior {initial_prior[1].id}")
    prior.set_codebook(tokenizer.codebooks())
    mirrored = settings.augment == "flip"
    if prior.global_code is not None and initial_prior is None:
        prior.global_code.fit(_training_codes(run, mirrored=mirrored), tokenizer.codebooks(), seed=seed)
    training = _dataset(run, data, "train", prior.global_code, mirrored=mirrored)
    joint = JointDistribution.measure(prior.conditions, training.conditions)
    objective = make_objective(recipe.objective("prior"), prior=prior)
    validation = _dataset(run, data, "validation", prior.global_code)
    tokenizer.to(engine.device)

    def save(path: Path) -> None:
        spec, tensors = dict(recipe.prior), prior.state_dict()
        header = PriorHeader(
            id=content_id(spec, tensors),
            spec=spec,
            recipe=recipe.name,
            tokenizer=tokenizer_header.id,
            conditions=space,
            global_code=GlobalCodeSizes.model_validate(recipe.global_code),
            joint_distribution=JointCounts.model_validate(joint.to_dict()),
            codebook_sizes=tokenizer_header.codebook_sizes,
            code_shapes=tokenizer_header.code_shapes,
            code_dims=tokenizer.code_dims,
        )
        save_weights(path, tensors, header)

    def validate() -> dict[str, float]:
        values: dict[str, float] = {}
        for player in objective.players:
            values |= mean_losses(
                objective, player, validation, batch_size=settings.batch_size, engine=engine
            )
        return values

    def pictures() -> NDArray[np.float32]:
        generator = torch.Generator(engine.device).manual_seed(seed)
        known = tuple(
            torch.full((PROGRESS_SAMPLES, *shape), UNKNOWN, device=engine.device)
            for shape in tokenizer_header.code_shapes
        )
        condition = sample_condition(joint, PROGRESS_SAMPLES, {}, seed=seed).to(engine.device)
        codes = prior.sample(known, condition=condition, params=SamplingParams(), generator=generator)
        return tokenizer.decode(codes)[:, 0].float().clamp(0, 1).cpu().numpy()

    stage = Stage(
        name="prior",
        objective=objective,
        dataset=training,
        settings=settings,
        limit=limit,
        seed=seed,
        directory=run.prior,
        depends_on=tokenizer_header.id,
        validate=validate,
        criterion=objective.criterion,
        larger_is_better=False,
        save=save,
        pictures=pictures,
    )
    return train(stage, engine, loggers, stop_request)


def _dataset(
    run: RunDirectory, data: RunData, split: str, global_code: GlobalCode | None, *, mirrored: bool = False
) -> CodeDataset:
    """The codes of a split with their conditions, global codes among them."""
    levels = read_codes(run.codes, split)
    levels_mirrored = read_codes(run.codes, split, mirrored=True) if mirrored else None
    conditions = data.dataset(split).conditions
    if global_code is None:
        return CodeDataset(levels, mirrored=levels_mirrored, conditions=conditions)
    return CodeDataset(
        levels,
        mirrored=levels_mirrored,
        conditions={**conditions, **_global_codes(global_code, levels)},
        mirrored_conditions=_global_codes(global_code, levels_mirrored) if levels_mirrored else None,
    )


def _global_codes(global_code: GlobalCode, levels: Levels) -> dict[str, NDArray[np.int64]]:
    codes = tuple(torch.from_numpy(level.astype(np.int64)) for level in levels)
    return {name: value.numpy() for name, value in global_code.assign(codes).categories.items()}


def _training_codes(run: RunDirectory, *, mirrored: bool) -> Codes:
    """The codes of the training images, then those of the mirrored images if they are trained on."""
    sets = [
        read_codes(run.codes, "train", mirrored=flip) for flip in ((False, True) if mirrored else (False,))
    ]
    return tuple(
        torch.from_numpy(np.concatenate(level).astype(np.int64)) for level in zip(*sets, strict=True)
    )
