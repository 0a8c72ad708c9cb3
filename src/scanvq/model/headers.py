"""What the weights files of tokenizers, priors and whole models say of themselves."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from scanvq.conditions.joint_distribution import JointDistribution
from scanvq.conditions.space import ConditionSpace
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
        codebook_sizes: K of every level, coarse to fine.
        code_shapes: (h, w) of every level.
        precision: how images are encoded, so that the codes of an image are always the same.
    """

    role: Literal["tokenizer"] = "tokenizer"
    spec: dict[str, Any]
    recipe: str
    preparation: Preparation
    plane: Plane
    codebook_sizes: tuple[int, ...]
    code_shapes: tuple[tuple[int, int], ...]
    precision: Precision


class CountTable(BaseModel):
    """A table of a joint distribution: smoothed counts, in the order of their cells."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[int, ...]
    counts: tuple[float, ...]


class JointCounts(BaseModel):
    """The tables of a joint distribution, as `JointDistribution.to_dict` gives them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tables: tuple[CountTable, ...] = ()


class PriorHeader(Header):
    """Of a prior over the codes of one tokenizer.

    Attributes:
        spec: completed; rebuilds the network.
        recipe: the recipe's name.
        tokenizer: content id of the tokenizer whose codes it knows.
        conditions: those that it was trained with.
        joint_distribution: how they occur together in the training set, see `joint`.
        codebook_sizes: K of every level, coarse to fine.
        code_shapes: (h, w) of every level.
        code_dims: D of every level.
    """

    role: Literal["prior"] = "prior"
    spec: dict[str, Any]
    recipe: str
    tokenizer: str
    conditions: ConditionSpace
    joint_distribution: JointCounts
    codebook_sizes: tuple[int, ...]
    code_shapes: tuple[tuple[int, int], ...]
    code_dims: tuple[int, ...]

    @property
    def joint(self) -> JointDistribution:
        """The joint distribution of `conditions`."""
        return JointDistribution.from_dict(self.joint_distribution.model_dump(), self.conditions)

    @model_validator(mode="after")
    def _check_joint(self) -> PriorHeader:
        """Raises ValueError for counts that are not of these conditions."""
        JointDistribution.from_dict(self.joint_distribution.model_dump(), self.conditions)
        return self


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
