"""Headers of the weights files of tokenizers, priors, decoders and complete models."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scanvq.conditions.joint_distribution import JointDistribution
from scanvq.conditions.space import ConditionSpace
from scanvq.imaging.formats import Plane
from scanvq.imaging.preparation import Preparation
from scanvq.model.calibration import Calibration
from scanvq.nn.precision import Precision
from scanvq.priors.global_code import global_conditions
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


class GlobalCodeSizes(BaseModel):
    """The number of values of each global code, 0 = none, see `scanvq.priors.global_code.GlobalCode`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    appearance: int = Field(default=0, ge=0, le=1024)
    layout: int = Field(default=0, ge=0, le=1024)


class PriorHeader(Header):
    """Header of a prior over the codes of a tokenizer.

    Attributes:
        spec: completed spec; rebuilds the network.
        recipe: the recipe's name.
        tokenizer: content id of the tokenizer that the prior was trained on.
        conditions: conditions that the prior was trained with, without global codes.
        global_code: number of values of each global code, 0 = none.
        joint_distribution: of conditions and global codes in the training set, see `joint`.
        codebook_sizes: K of every level, coarse to fine.
        code_shapes: (h, w) of every level.
        code_dims: D of every level.
    """

    role: Literal["prior"] = "prior"
    spec: dict[str, Any]
    recipe: str
    tokenizer: str
    conditions: ConditionSpace
    global_code: GlobalCodeSizes = GlobalCodeSizes()
    joint_distribution: JointCounts
    codebook_sizes: tuple[int, ...]
    code_shapes: tuple[tuple[int, int], ...]
    code_dims: tuple[int, ...]

    @property
    def joint(self) -> JointDistribution:
        """The joint distribution of `conditions` and global codes."""
        codes = global_conditions(self.global_code.model_dump())
        space = ConditionSpace((*self.conditions.conditions, *codes))
        return JointDistribution.from_dict(self.joint_distribution.model_dump(), space)

    @model_validator(mode="after")
    def _check_joint(self) -> PriorHeader:
        """Raises ValueError if the counts do not fit the conditions."""
        _ = self.joint
        return self


class DecoderHeader(Header):
    """Header of a decoder of created images.

    Attributes:
        spec: completed spec; rebuilds the network.
        recipe: the recipe's name.
        tokenizer: content id of the tokenizer whose decoded images it starts from.
    """

    role: Literal["decoder"] = "decoder"
    spec: dict[str, Any]
    recipe: str
    tokenizer: str


class ModelHeader(Header):
    """Header of a complete model in a single file.

    Attributes:
        tokenizer: the tokenizer's header.
        prior: the prior's header; None for a model without a prior.
        decoder: the header of the decoder of created images; None without.
        recipe: the completed recipe as TOML.
        calibration: of its scores; None if it was not calibrated.
    """

    role: Literal["model"] = "model"
    tokenizer: TokenizerHeader
    prior: PriorHeader | None
    decoder: DecoderHeader | None = None
    recipe: str
    calibration: Calibration | None = None
