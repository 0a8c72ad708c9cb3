"""VQ-VAE: codes of one grid size."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from scanvq.nn.normalization import Normalization
from scanvq.nn.residual import ResidualStack
from scanvq.nn.resizing import downsampling_layers, upsampling_layers
from scanvq.nn.upsample import UpsampleKind, make_upsample
from scanvq.spec import Derived
from scanvq.types import Codes, Quantized, Quantizer, Reconstruction, Tokenizer


class VQVAE(Tokenizer):
    """A convolutional autoencoder with a quantizer in the middle (arXiv 1711.00937, section 4.1).

    With n = len(channels), s = 2^n, c = channels, D = the quantizer's code_dim:

        image (1, H, W) ─ halve ▸ c1 ─ ... ─ halve ▸ cn ─ entry conv ─ residual stack ─ 1x1 ▸ D
                                                                                        │
                                         codes (H/s, W/s) ◂──────────────────────── quantizer
                                                                                        │
        image (1, H, W) ◂ double ─ ... ─ c(n-1) ◂ double ─ cn ◂ residual stack ─ entry conv ◂ D

    A halving is a convolution of stride 2, normalization, ReLU. The decoder mirrors the encoder; its last
    layer has no normalization and no ReLU. Images are normalized by `input_mean` and `input_std` before the
    encoder, and denormalized after the decoder, as float32. Decoded images are not clamped to [0, 1]: clamp
    them to show or score them.
    """

    def __init__(
        self,
        *,
        quantizer: Quantizer,
        channels: tuple[int, ...] = (32, 64),
        kernel: Literal[3, 4] = 4,
        norm: Normalization = "none",
        encoder_entry: Literal[0, 1, 3] = 3,
        projection: bool = True,
        decoder_entry: Literal[0, 1, 3] = 3,
        residual_blocks: int = 2,
        residual_channels: int = 32,
        upsample: UpsampleKind = "transposed",
        upsample_kernel: Literal[2, 3, 4] = 4,
        output: Literal["double", "conv"] = "double",
        image_channels: int = 1,
        input_mean: Derived[float] = 0.0,
        input_std: Derived[float] = 1.0,
    ) -> None:
        """
        Args:
            quantizer: quantizes features to codes; its code_dim is the width between encoder and decoder.
            channels: width after each halving; n halvings give a code grid 2^n times smaller than the image.
            kernel: of the halving convolutions.
            norm: after each halving and doubling but the last: batch (over all processes; the
                convolutions then have no bias), group or none.
            encoder_entry: kernel of the convolution before the encoder's residual stack; 0 = none.
            projection: end the encoder with a 1x1 convolution to code_dim; without, code_dim must
                equal the last of `channels`.
            decoder_entry: kernel of the convolution from code_dim to the last of `channels` before the
                decoder's residual stack; 0 = none.
            residual_blocks: blocks in the encoder's residual stack, and again in the decoder's.
            residual_channels: width inside a residual block.
            upsample: how the decoder doubles: transposed convolution, pixel shuffle, or nearest neighbors.
            upsample_kernel: of the transposed convolutions.
            output: the last layer: the last doubling, or a 3x3 convolution after it.
            image_channels: C of the images; 1 for gray.
            input_mean: mean of the training images, subtracted before the encoder.
            input_std: their standard deviation, above 0.

        Raises:
            ValueError: no channels, a standard deviation that is not positive, or no projection where
                the quantizer's code_dim differs from the last of `channels`.
        """
        super().__init__()
        if not channels:
            raise ValueError("channels is empty; give the width after each halving, such as (32, 64)")
        if not input_std > 0:
            raise ValueError(f"input_std is {input_std}; it must be above 0")
        if not projection and channels[-1] != quantizer.dim:
            raise ValueError(
                f"channels end with {channels[-1]} but code_dim is {quantizer.dim}; "
                f"make them equal or set projection to true"
            )
        self.quantizer = quantizer
        self.multiple = 2 ** len(channels)
        self.input_mean = input_mean
        self.input_std = input_std
        wide, dim = channels[-1], quantizer.dim
        self.encoder = nn.Sequential(
            *downsampling_layers((image_channels, *channels), kernel=kernel, norm=norm),
            *_entry(wide, wide, encoder_entry),
            ResidualStack(channels=wide, hidden=residual_channels, blocks=residual_blocks),
            *([nn.Conv2d(wide, dim, 1)] if projection else []),
        )
        inner = wide if decoder_entry else dim
        doubled = channels[:-1] if output == "double" else channels
        widths = (inner, *reversed(doubled))
        self.decoder = nn.Sequential(
            *_entry(dim, inner, decoder_entry),
            ResidualStack(channels=inner, hidden=residual_channels, blocks=residual_blocks),
            *upsampling_layers(widths, kind=upsample, kernel=upsample_kernel, norm=norm),
            make_upsample(upsample, widths[-1], image_channels, kernel=upsample_kernel)
            if output == "double"
            else nn.Conv2d(widths[-1], image_channels, 3, padding=1),
        )

    @property
    def levels(self) -> tuple[Quantizer, ...]:
        """The levels of the quantizer, all of one grid size."""
        return self.quantizer.levels

    def forward(self, images: Tensor) -> Reconstruction:
        """Images (B, C, H, W) to their reconstructions, codes and the quantizer's losses."""
        quantized = self.quantizer(self._features(images))
        return Reconstruction(
            images=self._images(quantized.vectors),
            codes=quantized.codes,
            losses=quantized.losses,
        )

    def encode(self, images: Tensor) -> Codes:
        """Images (B, C, H, W) to codes (B, h, w) per level.

        Call it in eval mode: in training mode codebooks learn.

        Raises:
            ValueError: a height or width that does not divide by `multiple`.
        """
        quantized: Quantized = self.quantizer(self._features(images))
        return quantized.codes

    def decode(self, codes: Codes) -> Tensor:
        """Codes (B, h, w) of every level to images (B, C, H, W), not clamped."""
        return self._images(self.vectors(codes))

    def vectors(self, codes: Codes) -> Tensor:
        """Codes (B, h, w) of every level to their vectors (B, D, h, w).

        Raises:
            ValueError: another number of levels.
        """
        if len(codes) != len(self.levels):
            raise ValueError(f"got codes of {len(codes)} levels; this tokenizer has {len(self.levels)}")
        return self.quantizer.embed(codes)

    def decode_coarsest(self, codes: Codes) -> Tensor | None:
        """Codes of only the first levels to images (B, C, H, W); None with a single level.

        Raises:
            ValueError: no level, or too many.
        """
        if not 1 <= len(codes) <= len(self.levels):
            raise ValueError(f"got codes of {len(codes)} levels; give 1 to {len(self.levels)}")
        return self._images(self.quantizer.embed(codes)) if len(self.levels) > 1 else None

    def code_shapes(self, height: int, width: int) -> tuple[tuple[int, int], ...]:
        """(h, w) of every level, all equal. Raises ValueError for a size that `multiple` does not divide."""
        if height < 1 or width < 1 or height % self.multiple or width % self.multiple:
            raise ValueError(
                f"an image of {height}x{width} does not divide into codes: height and width must be "
                f"multiples of {self.multiple}; pad or resize the image"
            )
        return ((height // self.multiple, width // self.multiple),) * len(self.levels)

    def _features(self, images: Tensor) -> Tensor:
        self.code_shapes(*images.shape[-2:])
        features: Tensor = self.encoder((images - self.input_mean) / self.input_std)  # (B, D, h, w)
        return features

    def _images(self, vectors: Tensor) -> Tensor:
        decoded: Tensor = self.decoder(vectors)  # (B, C, H, W)
        return decoded.float() * self.input_std + self.input_mean


def _entry(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)] if kernel else []
