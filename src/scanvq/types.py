"""What flows between the layers: codes, results, and the abstract parts every model is made of."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

Codes = tuple[Tensor, ...]
"""Integer codes, coarse to fine, each (B, h, w) int64: one level for VQ-VAE, two for VQ-VAE-2."""

UNKNOWN = -1
"""A code still to be generated."""

Progress = Callable[[int, int], None]
"""Called with the pieces of work done and all pieces."""

ProgressFactory = Callable[[str], Progress]
"""Gives, for the name of a piece of work, the `Progress` that shows it."""


@dataclass(frozen=True, kw_only=True)
class Quantized:
    """What a quantizer returns: vectors (B, D, h, w), codes (B, h, w), named scalar losses."""

    vectors: Tensor
    codes: Tensor
    losses: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """What a tokenizer returns in training: images (B, C, H, W), codes, named scalar losses."""

    images: Tensor
    codes: Codes
    losses: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What a sample is asked to be. `label` is (B,) int64 class numbers; None = any class."""

    label: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One training batch: images (B, 1, H, W) in [0, 1] for tokenizers, codes for priors."""

    images: Tensor | None = None
    codes: Codes | None = None
    condition: Condition = Condition()


@dataclass(frozen=True, kw_only=True)
class Losses:
    """One player's turn: the scalar to minimize, and for the log its named parts.

    `counts` says how often each code was used in this turn, (K,) a level; () where that tells nothing.
    """

    total: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    counts: tuple[Tensor, ...] = ()


class Quantizer(nn.Module, ABC):
    """Turns features into codes of a codebook of `size` K vectors of `dim` D, and back.

    `commitment` weighs the loss that keeps features near their codes, `decay` is the share of a running sum
    that a step keeps; None where there is none. Both may be changed between two training steps.
    """

    size: int
    dim: int
    commitment: float | None = None
    decay: float | None = None

    @abstractmethod
    def forward(self, features: Tensor) -> Quantized:
        """Quantizes features (B, D, h, w); vectors pass the gradient straight through."""

    @abstractmethod
    def embed(self, codes: Tensor) -> Tensor:
        """Looks codes (B, h, w) up: (B, D, h, w)."""

    def restart(self, codes: Tensor) -> int:
        """Has codes start anew from features of the next training batch.

        Args:
            codes: which ones, (K,) bool.

        Returns:
            How many; 0 for a quantizer that cannot.
        """
        return 0


class Tokenizer(nn.Module, ABC):
    """Turns images (B, C, H, W) with intensities in [0, 1] into codes, and back.

    `top_weight` weighs the loss of what the coarsest level gives alone; None where there is none. It may be
    changed between two training steps.
    """

    codebook_sizes: tuple[int, ...]
    multiple: int  # height and width of an image must be divisible by this
    top_weight: float | None = None

    @property
    def code_dims(self) -> tuple[int, ...]:
        """D of every level, coarse to fine."""
        return tuple(quantizer.dim for quantizer in self.quantizers_by_level)

    def codebooks(self) -> tuple[Tensor, ...]:
        """The vectors of every level's codes, (K, D) each, coarse to fine; without gradient."""
        device = next(self.parameters()).device
        found = []
        for quantizer in self.quantizers_by_level:
            codes = torch.arange(quantizer.size, device=device).view(1, 1, -1)
            found.append(quantizer.embed(codes)[0, :, 0].T.detach())
        return tuple(found)

    @property
    def quantizers_by_level(self) -> tuple[Quantizer, ...]:
        """One a level, coarse to fine: a tokenizer holds them in this order."""
        return tuple(part for part in self.modules() if isinstance(part, Quantizer))

    @abstractmethod
    def forward(self, images: Tensor) -> Reconstruction:
        """The training path."""

    @abstractmethod
    def encode(self, images: Tensor) -> Codes:
        """Images (B, C, H, W) to codes, coarse to fine."""

    @abstractmethod
    def decode(self, codes: Codes) -> Tensor:
        """Codes to images (B, C, H, W)."""

    def decode_coarsest(self, codes: Codes) -> Tensor | None:
        """Codes of the first levels alone to images (B, C, H, W); None where there is one level only."""
        return None

    @abstractmethod
    def code_shapes(self, height: int, width: int) -> tuple[tuple[int, int], ...]:
        """The (h, w) of every level. Raises ValueError for a size that does not divide."""


InpaintingSupport = Literal["anything", "later codes", "nothing"]


class CodePrior(nn.Module, ABC):
    """The distribution of one level of codes.

    `inpainting_support` says which cells it can generate given the rest: "anything" (any region, seeing all
    known codes), "later codes" (any region, seeing only what comes before in its order), or
    "nothing" (whole grids only).
    """

    codebook_size: int
    classes: int  # 0 = unconditional; the label `classes` means any class
    inpainting_support: ClassVar[InpaintingSupport]

    def set_codebook(self, codebook: Tensor) -> None:
        """Is told the vectors (K, D) of its codes before training; what it keeps is saved in its weights."""

    @abstractmethod
    def sample(
        self,
        known: Tensor,
        *,
        coarser: Tensor | None = None,
        condition: Condition | None = None,
        params: SamplingParams,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Fills every UNKNOWN cell of `known` (B, h, w); known codes come back unchanged."""


class LikelihoodPrior(CodePrior):
    """A prior that factorizes the codes in an order, and so has an exact likelihood."""

    @abstractmethod
    def logits(
        self,
        codes: Tensor,
        *,
        coarser: Tensor | None = None,
        condition: Condition | None = None,
    ) -> Tensor:
        """Codes (B, h, w) to logits (B, K, h, w), each seeing only the cells before its own."""


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """How a code is drawn from its logits. `top_k` 0 and `top_p` 1 leave all codes in.

    `guidance` says how far from the logits without a label: 1 = plain, else unconditional + guidance *
    (conditional - unconditional) (arXiv 2207.12598).
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    guidance: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            raise ValueError(
                f"temperature is {self.temperature}; it must be 0 or more (0 = most likely code)"
            )
        if self.top_k < 0:
            raise ValueError(f"top_k is {self.top_k}; it must be 0 (off) or more")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}; it must be in (0, 1]")
        if not 0 <= self.guidance < math.inf:
            raise ValueError(f"guidance is {self.guidance}; it must be 0 or more (1 = plain)")


class Objective(nn.Module, ABC):
    """What training minimizes. `players` names the parameters that each optimizer steps.

    `criterion` names the part that says on the validation split which weights are best, smaller being
    better; None where no part does.
    """

    criterion: ClassVar[str | None] = None

    @property
    @abstractmethod
    def players(self) -> Mapping[str, Iterable[nn.Parameter]]:
        """Player name to its parameters, in the order of their turns."""

    @abstractmethod
    def forward(self, batch: Batch, player: str, step: int) -> Losses:
        """The losses of one player's turn."""
