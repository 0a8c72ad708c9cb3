"""The tokenizer stage: build it for the data, train it, load its best weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.build import make_objective, make_tokenizer
from scanvq.model.headers import TokenizerHeader
from scanvq.nn.precision import Precision
from scanvq.recipe.recipe import Recipe
from scanvq.storage.run_directory import RunDirectory
from scanvq.storage.weights import content_id, save_weights
from scanvq.store.run_data import RunData
from scanvq.training.codebook_monitor import CodebookMonitor
from scanvq.training.datasets import ImageDataset
from scanvq.training.engine import Engine
from scanvq.training.history import Loggers
from scanvq.training.initialization import load_pretrained
from scanvq.training.interrupt import StopRequest
from scanvq.training.loop import train
from scanvq.training.stage import Stage, TrainingState
from scanvq.training.training_limit import TrainingLimit
from scanvq.training.validation import mean_losses
from scanvq.types import Tokenizer

PROGRESS_IMAGES = 6


def train_tokenizer(
    recipe: Recipe,
    data: RunData,
    run: RunDirectory,
    *,
    precision: Precision,
    limit: TrainingLimit,
    seed: int,
    engine: Engine,
    loggers: Loggers,
    stop_request: StopRequest,
    initial_tokenizer: Tokenizer | None = None,
) -> TrainingState:
    """Trains the recipe's tokenizer on the training split; best and last weights are kept in the run.

    `precision` is that of encoding, kept in the weights' header. `initial_tokenizer` is a
    trained tokenizer to begin with in place of random weights.
    """
    torch.manual_seed(seed)
    spec = tokenizer_spec(recipe, data)
    tokenizer = make_tokenizer(spec)
    if initial_tokenizer is not None:
        load_pretrained(tokenizer, initial_tokenizer, "tokenizer to start from")
    settings = recipe.stage("tokenizer")
    objective = make_objective(recipe.objective("tokenizer"), tokenizer=tokenizer, variance=data.std**2)
    validation = ImageDataset(data.dataset("validation"))
    geometry = data.preparation.geometry

    def save(path: Path) -> None:
        tensors = tokenizer.state_dict()
        header = TokenizerHeader(
            id=content_id(spec, tensors),
            spec=spec,
            recipe=recipe.name,
            preparation=data.preparation,
            plane=recipe.data.plane,
            codebook_sizes=tokenizer.codebook_sizes,
            code_shapes=tokenizer.code_shapes(geometry.height, geometry.width),
            precision=precision,
        )
        save_weights(path, tensors, header)

    progress_rows = np.linspace(0, len(validation) - 1, min(PROGRESS_IMAGES, len(validation))).astype(
        np.int64
    )

    def progress_images() -> Tensor:
        images = validation.batch(progress_rows, np.ones(len(progress_rows)), engine.device).images
        assert images is not None
        return images

    def pictures() -> NDArray[np.float32]:
        images = progress_images()
        rebuilt = tokenizer.decode(tokenizer.encode(images)).float().clamp(0, 1)
        return torch.cat([images, rebuilt])[:, 0].cpu().numpy()

    monitor = None
    if settings.codebook_monitor != "off":
        monitor = CodebookMonitor(
            tokenizer,
            cells=tuple(
                len(validation) * height * width
                for height, width in tokenizer.code_shapes(geometry.height, geometry.width)
            ),
            images=progress_images,
            adjusts=settings.codebook_monitor == "adjust",
            engine=engine,
            info=loggers.info,
        )

    stage = Stage(
        name="tokenizer",
        objective=objective,
        dataset=ImageDataset(data.dataset("train"), flip=settings.augment == "flip"),
        settings=settings,
        limit=limit,
        seed=seed,
        directory=run.tokenizer,
        depends_on=data.content,
        validate=partial(
            mean_losses,
            objective,
            "tokenizer",
            validation,
            batch_size=settings.batch_size,
            engine=engine,
        ),
        criterion="ssim",
        larger_is_better=True,
        save=save,
        pictures=pictures,
        callback=monitor,
    )
    return train(stage, engine, loggers, stop_request)


def tokenizer_spec(recipe: Recipe, data: RunData) -> dict[str, Any]:
    """The recipe's tokenizer with the normalization that the training set asks for."""
    if recipe.preparation.normalization == "z_score":
        return {**recipe.tokenizer, "input_mean": data.mean, "input_std": data.std}
    return {**recipe.tokenizer, "input_mean": 0.0, "input_std": 1.0}
