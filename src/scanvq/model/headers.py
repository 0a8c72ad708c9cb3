"""Headers of the weights files of tokenizers, priors and complete models."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from scanvq.conditions.joint_distribution import JointDistribution
from scanvq.conditions.space import ConditionSpace
from scanvq.imaging.formats import Plane
from scanvq.imaging.preparation import Preparation
from scanvq.model.calibration import Calibration
from scanvq.nn.precision import Precision
from scanvq.storage.weights import Header


class TokenizerHeader(Header):
    """Header of a tokenizer.

    Attributes:
        spec: completed spec with the values derived from the data; rebuilds the network.
        recipe: the recipe's name.
        preparation: preprocessing of a slice to the image of the network.
        plane: slice plane of volumes.
        codebook_sizes: K of every level, coarse to fine.
        code_shapes: (h, w) of every level.
        precision: of encoding, fixed so that the codes of an image are always the same.
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
    """A table of a joint distribution: smoothed counts in row-major order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[int, ...]
    counts: tuple[float, ...]


class JointCounts(BaseModel):
    """The tables of a joint distribution, see `JointDistribution.to_dict`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tables: tuple[CountTable, ...] = ()


class PriorHeader(Header):
    """Header of a prior over the codes of a tokenizer.

    Attributes:
        spec: completed spec; rebuilds the network.
        recipe: the recipe's name.
        tokenizer: content id of the tokenizer that the prior was trained on.
        conditions: conditions that the prior was trained with.
        joint_distribution: joint distribution of the conditions in the training set, see `joint`.
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
        """Raises ValueError if the counts do not fit the conditions."""
        JointDistribution.from_dict(self.joint_distribution.model_dump(), self.conditions)
        return self


class ModelHeader(Header):
    """Header of a complete model in a single file.

    Attributes:
        tokenizer: the tokenizer's header.
        prior: the prior's header; None for a model without a prior.
        recipe: the completed recipe as TOML.
        calibration: of its scores; None if it was not calibrated.
    """

    role: Literal["model"] = "model"
    tokenizer: TokenizerHeader
    prior: PriorHeader | None
    recipe: str
    calibration: Calibration | None = None
