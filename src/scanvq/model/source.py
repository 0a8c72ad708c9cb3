"""Sources of models: run directories, model files, and model files shipped with ScanVQ."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from importlib import resources
from pathlib import Path

from pydantic import ValidationError
from torch import Tensor

from scanvq.decoders.image_decoder import ImageDecoder
from scanvq.model.calibration import Calibration
from scanvq.model.headers import DecoderHeader, ModelHeader, PriorHeader, TokenizerHeader
from scanvq.model.weights import (
    decoder_of,
    load_decoder,
    load_prior,
    load_tokenizer,
    prior_of,
    tokenizer_of,
)
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.recipe.reading import parse_recipe, read_recipe
from scanvq.recipe.recipe import Recipe
from scanvq.storage.run_directory import RunDirectory, RunError
from scanvq.storage.weights import Weights, WeightsError, content_id, read_header, read_weights, save_weights
from scanvq.types import Tokenizer

SUFFIX = ".safetensors"
_TOKENIZER, _PRIOR, _DECODER = "tokenizer.", "prior.", "decoder."


class ModelError(RunError):
    """No model of that path or name."""


class ModelSource(ABC):
    """Provides the parts of a model. Prior and decoder are read only by `load_prior` and `load_decoder`."""

    recipe: Recipe
    header: TokenizerHeader
    tokenizer: Tokenizer

    @property
    @abstractmethod
    def has_prior(self) -> bool:
        """Whether there is a prior; in a run directory, training may add it later."""

    @property
    @abstractmethod
    def has_decoder(self) -> bool:
        """Whether there is a decoder of created images; in a run directory, training may add it later."""

    @property
    @abstractmethod
    def calibration(self) -> Calibration | None:
        """What the scores of these weights are compared with; None if they were not calibrated."""

    @abstractmethod
    def load_prior(self) -> tuple[HierarchicalPrior, PriorHeader]:
        """Loads the prior and its header. Raises WeightsError if there is none, or it does not fit."""

    @abstractmethod
    def load_decoder(self) -> tuple[ImageDecoder, DecoderHeader]:
        """Loads the decoder of created images. Raises WeightsError if there is none, or it does not fit."""


class RunSource(ModelSource):
    """Reads the best weights of a run directory.

    Args:
        directory: the run.

    Raises:
        RunError: not a run directory. WeightsError: the tokenizer is not trained yet.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        directory.check()
        self.recipe = read_recipe(directory.recipe)
        self.tokenizer, self.header = load_tokenizer(directory.tokenizer.best)

    @property
    def has_prior(self) -> bool:
        return self._directory.prior.best.is_file()

    @property
    def has_decoder(self) -> bool:
        return self._directory.decoder.best.is_file()

    @property
    def calibration(self) -> Calibration | None:
        found = read_calibration(self._directory)
        if found is None or found.tokenizer != self.header.id:
            return None
        fits = found.prior is None or (self.has_prior and found.prior == self.load_prior()[1].id)
        return found if fits else None

    def load_prior(self) -> tuple[HierarchicalPrior, PriorHeader]:
        return load_prior(self._directory.prior.best, tokenizer_id=self.header.id)

    def load_decoder(self) -> tuple[ImageDecoder, DecoderHeader]:
        return load_decoder(
            self._directory.decoder.best, tokenizer=self.tokenizer, tokenizer_id=self.header.id
        )


class FileSource(ModelSource):
    """Reads a model file written by `write_model`.

    Args:
        path: the file.

    Raises:
        WeightsError: no such file, or a damaged file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._weights: Weights[ModelHeader] = read_weights(path, ModelHeader)
        self.header = self._weights.header.tokenizer
        self.recipe = parse_recipe(self._weights.header.recipe, label=str(path))
        self.tokenizer = tokenizer_of(self.header, self._tensors(_TOKENIZER), path)

    @property
    def has_prior(self) -> bool:
        return self._weights.header.prior is not None

    @property
    def has_decoder(self) -> bool:
        return self._weights.header.decoder is not None

    @property
    def calibration(self) -> Calibration | None:
        return self._weights.header.calibration

    def load_prior(self) -> tuple[HierarchicalPrior, PriorHeader]:
        header = self._weights.header.prior
        if header is None:
            raise WeightsError(
                f"{self._path} has a tokenizer but no prior; train a prior with `scanvq fit --tokenizer`"
            )
        return prior_of(header, self._tensors(_PRIOR), self._path), header

    def load_decoder(self) -> tuple[ImageDecoder, DecoderHeader]:
        header = self._weights.header.decoder
        if header is None:
            raise WeightsError(f"{self._path} has no decoder of created images beside its tokenizer")
        if header.tokenizer != self.header.id:
            raise WeightsError(
                f"{self._path} has a decoder of tokenizer {header.tokenizer}, not of its own; save it again"
            )
        decoder = decoder_of(header, self._tensors(_DECODER), self._path, tokenizer=self.tokenizer)
        return decoder, header

    def _tensors(self, prefix: str) -> dict[str, Tensor]:
        found = self._weights.tensors.items()
        return {name.removeprefix(prefix): value for name, value in found if name.startswith(prefix)}


def read_model(path: str | Path) -> ModelSource:
    """Opens a run directory, a model file, or a shipped model by name; existing paths take precedence."""
    location = Path(path)
    if location.is_dir():
        return RunSource(RunDirectory(location))
    if location.is_file():
        return FileSource(location)
    shipped = shipped_models()
    if str(path) in shipped:
        return FileSource(shipped[str(path)])
    known = f"; shipped models: {', '.join(shipped)}" if shipped else ""
    raise ModelError(f"{path} is not a ScanVQ run or model file; train a run with `scanvq fit`{known}")


def read_calibration(directory: RunDirectory) -> Calibration | None:
    """The calibration of a run, of whatever weights; None if there is none.

    Raises:
        RunError: a damaged file.
    """
    if not directory.calibration.is_file():
        return None
    try:
        return Calibration.model_validate_json(directory.calibration.read_bytes())
    except ValidationError as error:
        raise RunError(
            f"{directory.calibration} is damaged ({error.errors()[0]['msg']}); remove it, and `scanvq score` "
            "makes it again"
        ) from None


def shipped_models() -> dict[str, Path]:
    """The model files shipped with ScanVQ, by name."""
    found = sorted(shipped_folder().glob(f"*{SUFFIX}"))
    return {file.name.removesuffix(SUFFIX): file for file in found}


def shipped_folder() -> Path:
    """The folder of shipped models, each a file NAME.safetensors with its card NAME.md."""
    return Path(str(resources.files("scanvq") / "pretrained"))


def write_model(path: Path, source: ModelSource, *, half_prior: bool = False) -> None:
    """Writes the model to one file, atomically; it names no scan or subject. A model file is replaced.

    Args:
        path: ends in .safetensors.
        source: the model.
        half_prior: store the weights of the prior as float16; codes and reconstructions stay exactly equal.

    Raises:
        ValueError: a file name that does not end in .safetensors, or a file there that is no model file.
    """
    if path.suffix != SUFFIX:
        raise ValueError(f"the name of the model file is {path}; it must end in {SUFFIX}")
    if os.path.lexists(path):
        _require_model_file(path)
    tensors = {f"{_TOKENIZER}{name}": value for name, value in source.tokenizer.state_dict().items()}
    header, calibration = None, source.calibration
    if source.has_prior:
        prior, header = source.load_prior()
        stored = {f"{_PRIOR}{name}": value for name, value in prior.state_dict().items()}
        if half_prior:  # counts and centers of the global codes stay as they are
            stored |= {f"{_PRIOR}{name}": value.detach().half() for name, value in prior.named_parameters()}
            header = header.model_copy(update={"id": content_id({"half_of": header.id}, stored)})
            if calibration is not None and calibration.prior is not None:  # scores are equal to four digits
                calibration = calibration.model_copy(update={"prior": header.id})
        tensors |= stored
    decoder_header = None
    if source.has_decoder:
        decoder, decoder_header = source.load_decoder()
        tensors |= {f"{_DECODER}{name}": value for name, value in decoder.state_dict().items()}
    recipe = source.recipe.anonymous().toml()
    save_weights(
        path,
        tensors,
        ModelHeader(
            id=content_id({"recipe": recipe}, tensors),
            tokenizer=source.header,
            prior=header,
            decoder=decoder_header,
            recipe=recipe,
            calibration=calibration,
        ),
    )


def _require_model_file(path: Path) -> None:
    """Raises ValueError for a file that `write_model` did not write."""
    try:
        read_header(path, ModelHeader)
    except WeightsError as error:
        raise ValueError(f"{path} is not replaced: {error}; choose another name, or move it away") from None
