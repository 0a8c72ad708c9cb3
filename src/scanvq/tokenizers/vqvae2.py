"""VQ-VAE-2: two or more grids of codes, each conditional on the coarser grids."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn
from torch.nn import functional as F

from scanvq.nn.normalization import Normalization
from scanvq.nn.residual import ResidualStack
from scanvq.nn.resizing import downsampling_layers, upsampling_layers
from scanvq.nn.upsample import UpsampleKind, make_upsample
from scanvq.spec import Derived
from scanvq.tokenizers.mean_vector import MeanVector
from scanvq.types import Codes, Quantized, Quantizer, Reconstruction, Tokenizer

TOP_EVERY = 4  # the top loss uses every fourth image, an eighth of the time of a step


class VQVAE2(Tokenizer):
    """A hierarchy of grids of codes, quantized top-down (arXiv 1906.00446, section 3.1, algorithm 1).

    With n = len(channels), s = 2^n, and L = len(quantizers); here L = 2:

        image ─ halve n times ▸ features (H/s, W/s) ─ halve ▸ features (H/2s, W/2s) ─ 1x1 ─ quantizer ▸ top
                       │                                                                        │
                       └── 1x1 of both ◂───── decoded top (H/s, W/s) ◂── double, residual ──────┘
                               │                       │
                           quantizer ▸ bottom ─ join ──┘
                                                 │
        image ◂ double n times ◂ residual ───────┘

    Each level is half as high and wide as the next finer level. The encoder of a level gets the decoded
    coarser levels, so its codes add only details; the image is decoded from all levels together.

    With the reconstruction loss only, the bottom can carry all information and the top collapses: its codes
    die (rosinality/vq-vae-2-pytorch issue 58). Codebooks that start from data and restart keep the codes in
    use, but without information. `top_weight` adds a reconstruction loss of the top level: the finer levels
    are replaced by their mean vector, and the same decoder decodes (see benchmarks/dead_top_level.py).
    """

    def __init__(
        self,
        *,
        quantizers: list[Quantizer],
        channels: tuple[int, ...] = (64, 128),
        kernel: Literal[3, 4] = 4,
        norm: Normalization = "none",
        residual_blocks: int = 2,
        residual_channels: int = 32,
        upsample: UpsampleKind = "transposed",
        upsample_kernel: Literal[2, 3, 4] = 4,
        top_weight: NonNegativeFloat = 0.25,
        image_channels: int = 1,
        input_mean: Derived[float] = 0.0,
        input_std: Derived[float] = 1.0,
    ) -> None:
        """
        Args:
            quantizers: of each grid size, coarse to fine; each has separate codebooks.
            channels: width after each halving down to the finest grid; the last is the width of all levels.
            kernel: of the halving convolutions.
            norm: after each halving and doubling but the last: batch, group or none.
            residual_blocks: blocks in each of the residual stacks: in an encoder and a decoder per level.
            residual_channels: width inside a residual block.
            upsample: how grids double: transposed convolution, pixel shuffle, or nearest neighbors.
            upsample_kernel: of the transposed convolutions.
            top_weight: weight of the loss "top": the mean squared error, on normalized images, of the
                image decoded from the coarsest level only; 0 = no such loss. Meant for images of variance
                1; with input_std 1 the error of images in [0, 1] is about 20 times smaller.
            image_channels: C of the images; 1 for gray.
            input_mean: mean of the training images, subtracted before the encoder.
            input_std: their standard deviation, above 0.

        Raises:
            ValueError: fewer than two quantizers, no channels, a negative weight, or a standard
                deviation that is not positive.
        """
        super().__init__()
        if len(quantizers) < 2:
            raise ValueError(
                f"quantizers has {len(quantizers)} entries; give a quantizer for each of two or more levels, "
                f"coarse to fine (for one level use the tokenizer vqvae)"
            )
        if not channels:
            raise ValueError("channels is empty; give the width after each halving, such as (64, 128)")
        if not top_weight >= 0:
            raise ValueError(f"top_weight is {top_weight}; it must be 0 (off) or more")
        if not input_std > 0:
            raise ValueError(f"input_std is {input_std}; it must be above 0")
        self.finest_step = 2 ** len(channels)
        self.multiple = self.finest_step * 2 ** (len(quantizers) - 1)
        self.top_weight = top_weight
        self.input_mean = input_mean
        self.input_std = input_std
        width = channels[-1]
        dims = [quantizer.dim for quantizer in quantizers]

        def residual(inputs: int) -> list[nn.Module]:
            stack = ResidualStack(channels=width, hidden=residual_channels, blocks=residual_blocks)
            return [nn.Conv2d(inputs, width, 3, padding=1), stack]

        def encoder(widths: tuple[int, ...]) -> nn.Module:
            return nn.Sequential(*downsampling_layers(widths, kernel=kernel, norm=norm), *residual(width))

        def expansion(inputs: int, outputs: int) -> nn.Module:
            double = make_upsample(upsample, width, outputs, kernel=upsample_kernel)
            return nn.Sequential(*residual(inputs), double)

        coarser = [encoder((width, width)) for _ in dims[1:]]
        self.encoders = nn.ModuleList([*coarser, encoder((image_channels, *channels))])
        self.projections = nn.ModuleList(
            nn.Conv2d(width + (dim if level else 0), dim, 1) for level, dim in enumerate(dims)
        )
        self.quantizers = nn.ModuleList(quantizers)
        self.means = nn.ModuleList(MeanVector(dim) for dim in dims[1:])
        joined = [dim * (2 if level else 1) for level, dim in enumerate(dims)]
        self.expansions = nn.ModuleList(
            expansion(inputs, dim) for inputs, dim in zip(joined, dims[1:], strict=False)
        )
        widths = tuple(reversed(channels))
        self.decoder = nn.Sequential(
            *residual(joined[-1]),
            *upsampling_layers(widths, kind=upsample, kernel=upsample_kernel, norm=norm),
            make_upsample(upsample, widths[-1], image_channels, kernel=upsample_kernel),
        )

    top_weight: float

    @property
    def levels(self) -> tuple[Quantizer, ...]:
        """The levels of each quantizer, coarse to fine."""
        return tuple(level for quantizer in self._quantizers() for level in quantizer.levels)

    def forward(self, images: Tensor) -> Reconstruction:
        """Images (B, C, H, W) to reconstructions, codes, each quantizer's losses (`commitment_0` is that of
        the top), and the loss "top" where `top_weight` is above 0."""
        levels, state = self._grids(images)
        for mean, finer in zip(self._means(), levels[1:], strict=True):
            mean.update(finer.vectors.detach())
        losses = {
            f"{name}_{number}": loss
            for number, level in enumerate(levels)
            for name, loss in level.losses.items()
        }
        if self.top_weight > 0:
            top_images = self._images(self._joined([levels[0].vectors[::TOP_EVERY]]))
            target = images[::TOP_EVERY].float()
            error = F.mse_loss(top_images, target, reduction="sum") / max(target.numel(), 1)
            losses["top"] = self.top_weight * error / self.input_std**2
        return Reconstruction(images=self._images(state), codes=_codes_of(levels), losses=losses)

    def encode(self, images: Tensor) -> Codes:
        """Images (B, C, H, W) to codes (B, h, w) per level.

        Call it in eval mode: in training mode codebooks learn.

        Raises:
            ValueError: a height or width that does not divide by `multiple`.
        """
        return _codes_of(self._grids(images)[0])

    def decode(self, codes: Codes) -> Tensor:
        """Codes (B, h, w) of every level to images (B, C, H, W), not clamped."""
        return self._images(self.vectors(codes))

    def vectors(self, codes: Codes) -> Tensor:
        """Codes (B, h, w) of every level to the joined vectors (B, D, h, w) of all grids.

        Raises:
            ValueError: another number of levels.
        """
        if len(codes) != len(self.levels):
            raise ValueError(f"got codes of {len(codes)} levels; this tokenizer has {len(self.levels)}")
        return self._joined(self._embedded(codes))

    def decode_coarsest(self, codes: Codes) -> Tensor:
        """Codes of only the first levels to images (B, C, H, W).

        A missing finer grid is replaced by its mean code vector in every cell.

        Args:
            codes: (B, h, w) of one or more levels, coarsest first.

        Raises:
            ValueError: no level, or too many.
        """
        if not 1 <= len(codes) <= len(self.levels):
            raise ValueError(f"got codes of {len(codes)} levels; give 1 to {len(self.levels)}")
        return self._images(self._joined(self._embedded(codes)))

    def _embedded(self, codes: Codes) -> list[Tensor]:
        """Codes of the first levels to their vectors (B, D, h, w), a tensor a grid."""
        vectors, remaining = [], codes
        for quantizer in self._quantizers():
            grids, remaining = remaining[: len(quantizer.levels)], remaining[len(quantizer.levels) :]
            if grids:
                vectors.append(quantizer.embed(grids))  # (B, D, h, w)
        return vectors

    def code_shapes(self, height: int, width: int) -> tuple[tuple[int, int], ...]:
        """(h, w) per level, coarse to fine. Raises ValueError for a size that `multiple` does not divide."""
        if height < 1 or width < 1 or height % self.multiple or width % self.multiple:
            raise ValueError(
                f"an image of {height}x{width} does not divide into codes: height and width must be "
                f"multiples of {self.multiple}; pad or resize the image"
            )
        step, shapes = self.multiple, []
        for quantizer in self._quantizers():
            shapes += [(height // step, width // step)] * len(quantizer.levels)
            step //= 2
        return tuple(shapes)

    def _quantizers(self) -> tuple[Quantizer, ...]:
        return tuple(quantizer for quantizer in self.quantizers if isinstance(quantizer, Quantizer))

    def _means(self) -> tuple[MeanVector, ...]:
        return tuple(mean for mean in self.means if isinstance(mean, MeanVector))

    def _grids(self, images: Tensor) -> tuple[list[Quantized], Tensor]:
        """Algorithm 1: features bottom-up, then every grid quantized top-down, and all grids joined."""
        self.code_shapes(*images.shape[-2:])
        features = [(images - self.input_mean) / self.input_std]
        for encoder in reversed(self.encoders):
            features.insert(0, encoder(features[0]))  # half as high and wide
        levels = [self.quantizers[0](self.projections[0](features[0]))]
        state = levels[0].vectors  # (B, D, h, w)
        for number, expansion in enumerate(self.expansions, start=1):
            decoded = expansion(state)  # (B, D, 2h, 2w)
            seen = torch.cat([decoded, features[number]], 1)  # (B, D + width, 2h, 2w)
            levels.append(self.quantizers[number](self.projections[number](seen)))
            state = torch.cat([decoded, levels[-1].vectors], 1)  # (B, 2D, 2h, 2w)
        return levels, state

    def _joined(self, vectors: list[Tensor]) -> Tensor:
        """Vectors (B, D, h, w) of the first grids, mean vectors for the others, to what the decoder sees."""
        state = vectors[0]
        for number, (expansion, mean) in enumerate(zip(self.expansions, self._means(), strict=True), start=1):
            decoded = expansion(state)  # (B, D, 2h, 2w)
            missing = number >= len(vectors)
            finer = mean.mean[None, :, None, None].expand_as(decoded) if missing else vectors[number]
            state = torch.cat([decoded, finer], 1)  # (B, 2D, 2h, 2w)
        return state

    def _images(self, state: Tensor) -> Tensor:
        decoded: Tensor = self.decoder(state)  # (B, C, H, W)
        return decoded.float() * self.input_std + self.input_mean


def _codes_of(grids: list[Quantized]) -> Codes:
    return tuple(codes for grid in grids for codes in grid.codes)
