"""What flows between the layers: codes, results, and the abstract parts every model is made of."""

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

Progress = Callable[[int, int], None]
"""Called with the pieces of work done and all pieces."""

ProgressFactory = Callable[[str], Progress]
"""Gives, for the name of a piece of work, the `Progress` that shows it."""


@dataclass(frozen=True, kw_only=True)
class Quantized:
    """What a quantizer returns: vectors (B, D, h, w), codes of its levels, named scalar losses."""

    vectors: Tensor
    codes: Codes
    losses: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """What a tokenizer returns in training: images (B, C, H, W), codes, named scalar losses."""

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
    """One player's turn: the scalar to minimize, and for the log its named parts.

    `counts` says how often each code was used in this turn, (K,) a level; () where that tells nothing.
    """

    total: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    counts: tuple[Tensor, ...] = ()


class Quantizer(nn.Module, ABC):
    """Turns features into codes of one or more levels, and back.

    Attributes:
        codebook_sizes: K of every level, coarse to fine; one for most, several for residual quantizers.
        dim: D, channels of the features.
    """

    codebook_sizes: tuple[int, ...]
    dim: int

    @property
    def levels(self) -> tuple[Quantizer, ...]:
        """For each level the quantizer that has its codebook, and no other: this one, where it has one."""
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

    @property
    @abstractmethod
    def levels(self) -> tuple[Quantizer, ...]:
        """For each level of codes, coarse to fine, the quantizer that has its codebook, and no other."""

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
    conditions: ConditionSpace = NO_CONDITIONS  # those that it was made for; any may be absent
    context_sizes: tuple[int, ...] = ()  # codebook sizes of the coarser levels that it sees, coarse to fine
    inpainting_support: ClassVar[InpaintingSupport]

    def set_codebook(self, codebook: Tensor) -> None:
        """Is told the vectors (K, D) of its codes before training; what it keeps is saved in its weights."""

    @final
    def sample(
        self,
        known: Tensor,
        *,
        context: Codes = (),
        condition: Condition | None = None,
        params: SamplingParams,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Fills every UNKNOWN cell of `known` (B, h, w); known codes come back unchanged.

        Args:
            known: codes, UNKNOWN where one is to be drawn.
            context: the codes of all coarser levels, coarse to fine, each (B, h', w').
            condition: what is asked for; None, or what it does not name, = anything.
            params: how a code is drawn.
            generator: where the randomness comes from; None = torch's own CPU generator.

        Returns:
            Codes (B, h, w), none UNKNOWN; they may be trained on.

        Raises:
            ValueError: codes of a wrong shape or outside the codebook, a wrong number of coarser levels,
                conditions that the prior does not have, or whatever else this prior cannot do.
        """
        self._check_context(context)
        check_codes(known, batch=len(known), lowest=UNKNOWN, size=self.codebook_size)
        for codes, size in zip(context, self.context_sizes, strict=True):
            check_codes(codes, batch=len(known), lowest=0, size=size)
        self.conditions.check(condition)
        device = next(self.parameters(), known).device
        with torch.inference_mode(), torch.autocast(device.type, enabled=False):
            filled = self._fill(
                known, context=context, condition=condition, params=params, generator=generator
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
    ) -> Tensor:
        """Codes (B, h, w) where `known` is UNKNOWN; those of other cells are not used.

        `sample` calls it after its checks, in inference mode and without autocast.
        """

    def _check_context(self, context: Codes) -> None:
        if len(context) != len(self.context_sizes):
            raise ValueError(
                f"got codes of {len(context)} coarser levels as context; this prior continues "
                f"{len(self.context_sizes)}"
            )


class Stepper(ABC):
    """Grids of codes gone through cell by cell, with what earlier cells leave behind kept.

    For each of `cells` in turn: `logits`, then `set`. A cell whose codes are known may be set without asking
    for its logits. All methods are for inference mode, without autocast.
    """

    cells: tuple[int, ...]
    """The order: row * w + column of every cell, each once."""

    @abstractmethod
    def logits(self, cell: int) -> Tensor:
        """Logits (B, K) of a cell, given the codes of all cells before it, which must be set.

        Later cells may follow, not earlier ones, and none twice.
        """

    @abstractmethod
    def set(self, cell: int, codes: Tensor) -> None:
        """Sets the codes (B,) of a cell, before a later one is asked for."""


class LikelihoodPrior(CodePrior):
    """A prior that factorizes the codes in an order, and so has an exact likelihood."""

    @abstractmethod
    def stepper(
        self,
        shape: tuple[int, int, int],
        *,
        context: Codes = (),
        condition: Condition | None = None,
    ) -> Stepper:
        """The logits of `logits`, cell by cell, computing for each cell only what is new.

        To be called in inference mode and without autocast; later changes of the weights are not seen.

        Args:
            shape: (B, h, w) of the grids, which lie on the device of the weights.
            context: the codes of all coarser levels, coarse to fine, each (B, h', w').
            condition: what is asked for; None, or what it does not name, = anything.

        Raises:
            ValueError: a grid that the prior was not made for, or not the codes of every coarser level.
        """

    @abstractmethod
    def logits(
        self,
        codes: Tensor,
        *,
        context: Codes = (),
        condition: Condition | None = None,
    ) -> Tensor:
        """Codes (B, h, w) to logits (B, K, h, w), each seeing only the cells before its own."""


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """How a code is drawn from its logits. `top_k` 0 and `top_p` 1 leave all codes in.

    `guidance` says how far from the logits without conditions: 1 = plain, else unconditional + guidance *
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
