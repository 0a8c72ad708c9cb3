"""Recipe sections that are not parts: data, preparation, training stages, sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from scanvq.spec import Share
from scanvq.types import Objective


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Selection of slices, subject identification, conditions and subject-level splits."""

    images: Literal["original", "segmented"] = "original"
    subject: str = ""  # a regular expression over paths; its first group is the subject
    suffix: str = ""  # of BIDS names, such as T2w; "" = the one that most scans have
    allow_synthetic: bool = False  # keep files that are marked as synthetic
    plane: Literal["axial", "coronal", "sagittal"] = "axial"
    slices: str = "foreground"
    conditions: tuple[str, ...] = ()  # such as slice_position, age; () = the label if the data has labels
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    test: Annotated[float, Field(gt=0, lt=1)] = 0.1


@dataclass(frozen=True, kw_only=True)
class PreparationSettings:
    """How a slice becomes a network input: size in pixels, pixel spacing, intensities, normalization."""

    size: Literal["native"] | tuple[PositiveInt, PositiveInt] = "native"
    fit: Literal["pad", "resize"] = "pad"
    spacing: Literal["native"] | PositiveFloat = "native"  # millimeters from pixel to pixel
    intensity: Literal["auto", "file", "percentiles", "full"] = "auto"
    normalization: Literal["unit", "z_score"] = "unit"


@dataclass(frozen=True, kw_only=True)
class StageSettings:
    """One training stage: objective, optimizer, duration, precision."""

    objective: Objective
    batch_size: PositiveInt = 32
    epochs: PositiveInt = 50
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: PositiveFloat = 1e-3
    betas: tuple[Share, Share] = (0.9, 0.999)
    weight_decay: NonNegativeFloat = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: NonNegativeInt = 0
    warmup_share: Share = 1.0  # of training, where warm-up ends at the latest; 1 = no limit
    clip_norm: NonNegativeFloat = 0.0
    augment: Literal["none", "flip"] = "none"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    budget_share: Share = 0.5
    save_every: NonNegativeFloat = 60.0  # seconds between two saves of the resume state


@dataclass(frozen=True, kw_only=True)
class TokenizerStageSettings(StageSettings):
    """The training stage of a tokenizer, with monitoring of its codebooks.

    Args:
        codebook_monitor: after each validation, adjust underused codebooks and a collapsed level
            (adjust), only report them (warn), or do not monitor them (off).
    """

    codebook_monitor: Literal["off", "warn", "adjust"] = "adjust"


def _none_or_several(size: int) -> int:
    if size == 1:
        raise ValueError("a code of one value says nothing; use 0 for none, or at least 2")
    return size


GlobalCodeSize = Annotated[int, Field(ge=0, le=1024), AfterValidator(_none_or_several)]


@dataclass(frozen=True, kw_only=True)
class GlobalCodeSettings:
    """Number of values of each code of the whole image, of which the prior is conditional; 0 = none."""

    appearance: GlobalCodeSize = 0  # from the frequencies of the codes
    layout: GlobalCodeSize = 0  # from the vectors averaged in 8x8 regions


@dataclass(frozen=True, kw_only=True)
class DecoderStageSettings(StageSettings):
    """The training stage of a decoder of created images; its defaults are those of the planned recipe."""

    objective: Objective = "natural_images"  # type: ignore[assignment]  # a kind, completed like a table
    batch_size: PositiveInt = 4
    epochs: PositiveInt = 20
    learning_rate: PositiveFloat = 3e-4
    clip_norm: NonNegativeFloat = 1.0
    betas: tuple[Share, Share] = (0.5, 0.99)
    schedule: Literal["constant", "cosine"] = "cosine"
    budget_share: Share = 0.33
    average_decay: Share = 0.995  # of the moving average of the decoder's weights, which is kept


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """Default sampling parameters."""

    temperature: NonNegativeFloat = 1.0
    top_k: NonNegativeInt = 0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    guidance: NonNegativeFloat = 1.0  # classifier-free guidance, for samples with a class only
