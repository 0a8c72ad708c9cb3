"""What the weights files of tokenizers, priors and whole models say of themselves."""

from __future__ import annotations

from typing import Any, Literal

from scanvq.imaging.formats import Plane
from scanvq.imaging.preparation import Preparation
from scanvq.nn.precision import Precision
from scanvq.storage.weights import Header


class TokenizerHeader(Header):
    """Of a tokenizer.

    Attributes:
        spec: completed, with what came from the data; rebuilds the network.
        recipe: the recipe's name.
        preparation: how a slice becomes the network's image.
        plane: in which volumes are cut.
        labels: class names of the training set.
        codebook_sizes: K of every level, coarse to fine.
        code_shapes: (h, w) of every level.
        precision: how images are encoded, so that the codes of an image are always the same.
    """

    role: Literal["tokenizer"] = "tokenizer"
    spec: dict[str, Any]
    recipe: str
    preparation: Preparation
    plane: Plane
    labels: tuple[str, ...]
    codebook_sizes: tuple[int, ...]
    code_shapes: tuple[tuple[int, int], ...]
    precision: Precision


class PriorHeader(Header):
    """Of a prior over the codes of one tokenizer.

    Attributes:
        spec: completed; rebuilds the network.
        recipe: the recipe's name.
        tokenizer: content id of the tokenizer whose codes it knows.
        labels: class names, in the order of their numbers.
        codebook_sizes: K of every level, coarse to fine.
        code_shapes: (h, w) of every level.
        code_dims: D of every level.
    """

    role: Literal["prior"] = "prior"
    spec: dict[str, Any]
    recipe: str
    tokenizer: str
    labels: tuple[str, ...]
    codebook_sizes: tuple[int, ...]
    code_shapes: tuple[tuple[int, int], ...]
    code_dims: tuple[int, ...]


class ModelHeader(Header):
    """Of a whole model in one file.

    Attributes:
        tokenizer: the tokenizer's header.
        prior: the prior's header; None for a model without one.
        recipe: the completed recipe as TOML.
    """

    role: Literal["model"] = "model"
    tokenizer: TokenizerHeader
    prior: PriorHeader | None
    recipe: str
