"""The decoder stage: train a decoder of created images on the codes and slices of the training split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.build import make_decoder, make_objective
from scanvq.decoders.image_decoder import image_noise, image_seeds
from scanvq.model.headers import DecoderHeader, TokenizerHeader
from scanvq.recipe.recipe import Recipe
from scanvq.storage.run_directory import RunDirectory
from scanvq.storage.weights import content_id, save_weights
from scanvq.store.run_data import RunData
from scanvq.training.datasets import CodeDataset, CodedImageDataset, ImageDataset
from scanvq.training.engine import Engine
from scanvq.training.history import Loggers
from scanvq.training.interrupt import StopRequest
from scanvq.training.loop import train
from scanvq.training.stage import Stage, TrainingState
from scanvq.training.stages.codes import read_codes
from scanvq.training.training_limit import TrainingLimit
from scanvq.training.validation import NO_AUGMENTATION, mean_losses
from scanvq.training.weight_average import WeightAverage
from scanvq.types import Tokenizer

PROGRESS_IMAGES = 4


def train_decoder(
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
) -> TrainingState:
    """Trains the recipe's decoder of created images; the tokenizer stays as it is.

    The weights that are kept are a moving average over the steps.
    """
    assert recipe.decoder is not None
    torch.manual_seed(seed)
    spec = dict(recipe.decoder)
    settings = recipe.stage("decoder")
    decoder = make_decoder(spec, tokenizer=tokenizer.to(engine.device).eval()).to(engine.device)
    objective = make_objective(recipe.objective("decoder"), decoder=decoder, faithful=tokenizer)
    average = WeightAverage(decoder, decay=settings.average_decay)
    validation = _dataset(run, data, "validation")

    def save(path: Path) -> None:
        with average.applied():
            tensors = {name: value.clone() for name, value in decoder.state_dict().items()}
        header = DecoderHeader(
            id=content_id({**spec, "tokenizer": tokenizer_header.id}, tensors),
            spec=spec,
            recipe=recipe.name,
            tokenizer=tokenizer_header.id,
        )
        save_weights(path, tensors, header)

    def validate() -> dict[str, float]:
        with average.applied():
            return mean_losses(
                objective, "decoder", validation, batch_size=settings.batch_size, engine=engine
            )

    def pictures() -> NDArray[np.float32]:
        count = min(PROGRESS_IMAGES, len(validation))
        rows = np.linspace(0, len(validation) - 1, count).astype(np.int64)
        batch = validation.batch(rows, np.full(count, NO_AUGMENTATION), engine.device)
        assert batch.codes is not None
        vectors = tokenizer.vectors(batch.codes)
        noise = image_noise(decoder.noise_shapes(*vectors.shape[-2:]), image_seeds(seed, count))
        with average.applied():
            images = decoder(vectors, tuple(part.to(engine.device) for part in noise))
        return images[:, 0].float().clamp(0, 1).cpu().numpy()

    stage = Stage(
        name="decoder",
        objective=objective,
        dataset=_dataset(run, data, "train", mirrored=settings.augment == "flip"),
        settings=settings,
        limit=limit,
        seed=seed,
        directory=run.decoder,
        depends_on=tokenizer_header.id,
        validate=validate,
        criterion=objective.criterion,
        larger_is_better=False,
        save=save,
        pictures=pictures,
        callback=average,
    )
    return train(stage, engine, loggers, stop_request)


def _dataset(run: RunDirectory, data: RunData, split: str, *, mirrored: bool = False) -> CodedImageDataset:
    codes = CodeDataset(
        read_codes(run.codes, split),
        mirrored=read_codes(run.codes, split, mirrored=True) if mirrored else None,
    )
    return CodedImageDataset(ImageDataset(data.dataset(split), flip=mirrored), codes)
