"""Shared types: codes, batches, results, and the abstract base classes of all model parts."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, final

import torch
from torch import Tensor, nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import NO_CONDITIONS, ConditionSpace
from scanvq.sample_checks import check_codes

Codes = tuple[Tensor, ...]
"""Integer codes, coarse to fine, each (B, h, w) int64: one level for VQ-VAE, two for VQ-VAE-2."""

UNKNOWN = -1
"""A code still to be generated."""

Watch = Callable[[Codes], None]
LevelWatch = Callable[[Tensor], None]
"""Called during sampling with the codes so far, of all levels or of one; an error in it ends the sampling."""

Progress = Callable[[int, int], None]
"""Called with the number of items done and the total number of items."""

ProgressFactory = Callable[[str], Progress]
"""Returns the `Progress` that shows a task, for the task's name."""


@dataclass(frozen=True, kw_only=True)
class Quantized:
    """Output of a quantizer: vectors (B, D, h, w), codes of each level, named scalar losses."""

    vectors: Tensor
    codes: Codes
    losses: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """Output of a tokenizer in training: images (B, C, H, W), codes, named scalar losses."""

    images: Tensor
    codes: Codes
    losses: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One training batch: images (B, 1, H, W) in [0, 1] for tokenizers, codes for priors."""

    images: Tensor | None = None
    codes: Codes | None = None
    condition: Condition = field(default_factory=Condition)


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Losses of one optimizer's turn: the scalar to minimize, and named parts for the log.

    `counts` is the number of uses of each code in this turn, (K,) per level; () where it is not measured.
    """

    total: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    counts: tuple[Tensor, ...] = ()


class Quantizer(nn.Module, ABC):
    """Turns features into codes of one or more levels, and back.

    Attributes:
        codebook_sizes: K of every level, coarse to fine; residual quantizers have several levels.
        dim: D, channels of the features.
    """

    codebook_sizes: tuple[int, ...]
    dim: int

    @property
    def levels(self) -> tuple[Quantizer, ...]:
        """For each level, the quantizer that has this level's codebook and no other codebook."""
        return (self,)

    @abstractmethod
    def forward(self, features: Tensor) -> Quantized:
        """Quantizes features (B, D, h, w); vectors pass the gradient straight through."""

    @abstractmethod
    def embed(self, codes: Codes) -> Tensor:
        """Codes (B, h, w) of the first levels, all of them as a rule, to vectors (B, D, h, w)."""


class Tokenizer(nn.Module, ABC):
    """Turns images (B, C, H, W) with intensities in [0, 1] into codes, and back."""

    multiple: int  # height and width of an image must be divisible by this
    decoder: nn.Sequential  # `vectors` to images, less `input_mean` and over `input_std`
    input_mean: float
    input_std: float

    @property
    @abstractmethod
    def levels(self) -> tuple[Quantizer, ...]:
        """For each level, coarse to fine, the quantizer that has this level's codebook and no other."""

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """K of every level, coarse to fine."""
        return tuple(size for level in self.levels for size in level.codebook_sizes)

    @property
    def code_dims(self) -> tuple[int, ...]:
        """D of every level, coarse to fine."""
        return tuple(level.dim for level in self.levels)

    def codebooks(self) -> tuple[Tensor, ...]:
        """The vectors of every level's codes, (K, D) each, coarse to fine; without gradient."""
        device = next(self.parameters()).device
        found = []
        for level, size in zip(self.levels, self.codebook_sizes, strict=True):
            codes = torch.arange(size, device=device).view(1, 1, -1)
            found.append(level.embed((codes,))[0, :, 0].T.detach())
        return tuple(found)

    @abstractmethod
    def forward(self, images: Tensor) -> Reconstruction:
        """Encodes, quantizes and decodes images, with the losses of training."""

    @abstractmethod
    def encode(self, images: Tensor) -> Codes:
        """Images (B, C, H, W) to codes, coarse to fine."""

    @abstractmethod
    def decode(self, codes: Codes) -> Tensor:
        """Codes to images (B, C, H, W)."""

    @abstractmethod
    def vectors(self, codes: Codes) -> Tensor:
        """Codes to what `decoder` makes images of, (B, D, h, w) with the size of the finest grid."""

    def decode_coarsest(self, codes: Codes) -> Tensor | None:
        """Codes of the first levels alone to images (B, C, H, W); None for a single level."""
        return None

    @abstractmethod
    def code_shapes(self, height: int, width: int) -> tuple[tuple[int, int], ...]:
        """The (h, w) of every level. Raises ValueError for a size that does not divide."""


InpaintingSupport = Literal["anything", "later codes", "nothing"]


class CodePrior(nn.Module, ABC):
    """The distribution of one level of codes.

    `inpainting_support` is the set of cells that can be generated given the others: "anything" (any region,
    conditional on all known codes), "later codes" (any region, conditional on earlier codes in the prior's
    order only), or "nothing" (whole grids only). `objective` is the kind of objective that trains it.
    """

    codebook_size: int
    conditions: ConditionSpace = NO_CONDITIONS  # conditions of the prior; any may be absent
    context_sizes: tuple[int, ...] = ()  # of the coarser levels
    supports_guidance: ClassVar[bool] = False
    supports_top_p: ClassVar[bool] = True  # and top-k
    inpainting_support: ClassVar[InpaintingSupport]
    objective: ClassVar[str]

    def set_codebook(self, codebook: Tensor) -> None:
        """Sets the codebook (K, D) of this level before training. Priors that use it save it as a buffer."""

    @final
    def sample(
        self,
        known: Tensor,
        *,
        context: Codes = (),
        condition: Condition | None = None,
        params: SamplingParams,
        generator: torch.Generator | None = None,
        watch: LevelWatch | None = None,
    ) -> Tensor:
        """Samples every UNKNOWN cell of `known` (B, h, w); known codes are returned unchanged.

        Args:
            known: codes, UNKNOWN where a code is to be sampled.
            context: the codes of all coarser levels, coarse to fine, each (B, h', w').
            condition: requested values; conditions that are not named, or all for None, are absent.
            params: temperature, top-k, top-p, guidance.
            generator: source of randomness; None = PyTorch's default CPU generator.
            watch: called with the codes so far, by priors that sample in steps.

        Returns:
            Codes (B, h, w), none UNKNOWN; a normal tensor, which autograd may save.

        Raises:
            ValueError: codes of a wrong shape or outside the codebook, a wrong number of coarser levels,
                conditions that the prior does not have, or settings that this kind of prior does not support.
        """
        self._check_context(context)
        check_codes(known, batch=len(known), lowest=UNKNOWN, size=self.codebook_size)
        for codes, size in zip(context, self.context_sizes, strict=True):
            check_codes(codes, batch=len(known), lowest=0, size=size)
        self.conditions.check(condition)
        device = next(self.parameters(), known).device
        with torch.inference_mode(), torch.autocast(device.type, enabled=False):
            filled = self._fill(
                known,
                context=context,
                condition=condition,
                params=params,
                generator=generator,
                watch=watch,
            )
        return torch.where(known == UNKNOWN, filled, known)  # a tensor that autograd may save

    @abstractmethod
    def _fill(
        self,
        known: Tensor,
        *,
        context: Codes,
        condition: Condition | None,
        params: SamplingParams,
        generator: torch.Generator | None,
        watch: LevelWatch | None,
    ) -> Tensor:
        """Returns codes (B, h, w) for the UNKNOWN cells of `known`; other cells of the result are not used.

        Called by `sample` after all checks, in inference mode and without autocast.
        """

    def _check_context(self, context: Codes) -> None:
        if len(context) != len(self.context_sizes):
            raise ValueError(
                f"context has codes of {len(context)} coarser levels; this prior needs "
                f"{len(self.context_sizes)}"
            )


class Stepper(ABC):
    """Computes the logits of a grid of codes cell by cell, with cached features of earlier cells.

    For each of `cells` in turn, call `logits`, then `set`. A cell whose codes are known may be set without
    computing logits. All methods need inference mode, without autocast.
    """

    cells: tuple[int, ...]
    """The sampling order: row * w + column of every cell, each once."""

    @abstractmethod
    def logits(self, cell: int) -> Tensor:
        """Logits (B, K) of a cell, given the codes of all cells before it, which must be set.

        Calls must follow the order of `cells`; cells may be skipped, but not repeated.
        """

    @abstractmethod
    def set(self, cell: int, codes: Tensor) -> None:
        """Sets the codes (B,) of a cell, before the logits of a later cell are computed."""


class LikelihoodPrior(CodePrior):
    """An autoregressive prior, which factorizes the codes in a fixed order and has an exact likelihood."""

    objective: ClassVar[str] = "next_code"

    @abstractmethod
    def stepper(
        self,
        shape: tuple[int, int, int],
        *,
        context: Codes = (),
        condition: Condition | None = None,
    ) -> Stepper:
        """Computes the same logits as `logits`, cell by cell, from cached features.

        Call it in inference mode and without autocast. Later changes of the weights have no effect.

        Args:
            shape: (B, h, w) of the grids, which are on the device of the weights.
            context: the codes of all coarser levels, coarse to fine, each (B, h', w').
            condition: requested values; conditions that are not named, or all for None, are absent.

        Raises:
            ValueError: a grid of another size than the prior's, or codes of a coarser level are missing.
        """

    @abstractmethod
    def logits(
        self,
        codes: Tensor,
        *,
        context: Codes = (),
        condition: Condition | None = None,
    ) -> Tensor:
        """Codes (B, h, w) to logits (B, K, h, w), each conditional on earlier cells only."""


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """Sampling of a code from logits: temperature, top-k (0 = off), top-p (1 = off), guidance.

    `guidance` is the scale of classifier-free guidance: 1 = off, else unconditional + guidance *
    (conditional - unconditional) (arXiv 2207.12598). `guided` names the conditions that are absent from the
    unconditional logits; None = all.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    guidance: float = 1.0
    guided: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            raise ValueError(
                f"temperature is {self.temperature}; it must be 0 or more (0 = always the most likely code)"
            )
        if self.top_k < 0:
            raise ValueError(f"top_k is {self.top_k}; it must be 0 (off) or more")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}; it must be in (0, 1]")
        if not 0 <= self.guidance < math.inf:
            raise ValueError(f"guidance is {self.guidance}; it must be 0 or more (1 = off)")


class Objective(nn.Module, ABC):
    """The loss of training. `players` names the parameters that each optimizer updates.

    `criterion` is the name of the loss part that selects the best weights on the validation split, smaller
    is better; None without such a part.
    """

    criterion: ClassVar[str | None] = None

    @property
    @abstractmethod
    def players(self) -> Mapping[str, Iterable[nn.Parameter]]:
        """Parameters by player name, in the order of the optimizer steps."""

    @abstractmethod
    def forward(self, batch: Batch, player: str, step: int) -> Losses:
        """Computes the losses of a player's turn."""
