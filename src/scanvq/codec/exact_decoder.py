"""The decoder of a tokenizer in exact arithmetic: what residuals are added to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from scanvq.codec.errors import CodecError
from scanvq.codec.exact_convolution import ExactConvolution
from scanvq.codec.fixed_point import (
    ACTIVATION_BITS,
    Exact,
    activations,
    added,
    biases,
    product,
    rescaled,
    weights,
)
from scanvq.nn.batch_norm import BatchNorm
from scanvq.nn.residual import ResidualStack
from scanvq.types import Tokenizer

Layer = Callable[[Exact], Exact]
"""Activations (B, h, w, C) to activations of the next layer."""

BATCH = 4  # images at once; the result does not depend on it


class ExactDecoder:
    """Codes to the same images on every machine.

    Args:
        tokenizer: of a single level of codes, without group normalization.

    Raises:
        CodecError: another tokenizer, or weights that are too large for exact arithmetic.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        if len(tokenizer.levels) != 1:
            raise CodecError(
                "a largest error needs a tokenizer with one level of codes; this one has "
                f"{len(tokenizer.levels)}"
            )
        (quantizer,) = tokenizer.levels
        device = next(tokenizer.parameters()).device
        every = torch.arange(quantizer.codebook_sizes[0], device=device)[None, None]
        with torch.no_grad():
            self._vectors = activations(quantizer.embed((every,))[0, :, 0].t())  # (K, D)
        self._decoder = _sequence(tokenizer.decoder)
        self._mean, self._std = tokenizer.input_mean, tokenizer.input_std

    def decode(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Codes (B, h, w) to images (B, H, W), clipped to [0, 1]."""
        parts = []
        for start in range(0, len(codes), BATCH):
            decoded = self._decoder(self._vectors[codes[start : start + BATCH]])[..., 0]
            # One multiplication and one addition of each number: rounded by IEEE 754, in no order of sums.
            scaled = decoded * 2.0**-ACTIVATION_BITS * self._std
            parts.append(np.clip(scaled + self._mean, 0.0, 1.0))
        return np.concatenate(parts)


def _sequence(layers: nn.Sequential) -> Layer:
    exact = [_exact(layer) for layer in layers]

    def run(features: Exact) -> Exact:
        for layer in exact:
            features = layer(features)
        return features

    return run


def _exact(layer: nn.Module) -> Layer:
    """A layer in exact arithmetic. Raises CodecError for an unsupported layer."""
    if isinstance(layer, nn.Sequential):
        return _sequence(layer)
    if isinstance(layer, nn.Identity):
        return lambda features: features
    if isinstance(layer, nn.ReLU):
        return lambda features: np.maximum(features, 0)
    if isinstance(layer, nn.Conv2d):
        convolution = ExactConvolution.of(layer)
        return lambda features: rescaled(convolution(features))
    if isinstance(layer, nn.ConvTranspose2d):
        return _transposed(layer)
    if isinstance(layer, ResidualStack):
        return _residual(layer)
    if isinstance(layer, BatchNorm):
        return _normalization(layer)
    if isinstance(layer, nn.PixelShuffle) and layer.upscale_factor == 2:
        return _shuffle
    if isinstance(layer, nn.Upsample) and layer.scale_factor == 2 and layer.mode == "nearest":
        return lambda features: features.repeat(2, axis=1).repeat(2, axis=2)
    raise CodecError(f"a largest error needs a decoder without the layer {type(layer).__name__}")


def _transposed(layer: nn.ConvTranspose2d) -> Layer:
    """A transposed convolution of stride 2 that doubles height and width."""
    kernel, padding = layer.kernel_size[0], int(layer.padding[0])
    if layer.stride != (2, 2) or 2 * padding + 2 - kernel != layer.output_padding[0]:
        raise CodecError(f"the codec does not support the layer {layer}")
    inputs, outputs = layer.weight.shape[:2]
    matrix = weights(layer.weight.permute(2, 3, 0, 1).reshape(-1, outputs))
    taps = matrix.reshape(kernel, kernel, inputs, outputs)
    bias = np.zeros(outputs) if layer.bias is None else biases(layer.bias)

    def run(features: Exact) -> Exact:
        batch, height, width, _ = features.shape
        total = np.zeros((batch, 2 * height + kernel, 2 * width + kernel, outputs))
        for row in range(kernel):
            for column in range(kernel):
                place = total[:, row : row + 2 * height : 2, column : column + 2 * width : 2]
                place += product(features, taps[row, column])
        cropped = total[:, padding : padding + 2 * height, padding : padding + 2 * width]
        return rescaled(cropped + bias)

    return run


def _residual(stack: ResidualStack) -> Layer:
    blocks = [_exact(block) for block in stack.blocks]

    def run(features: Exact) -> Exact:
        for block in blocks:
            features = added(features, block(features))
        return np.maximum(features, 0) if blocks else features

    return run


def _normalization(layer: BatchNorm) -> Layer:
    """Batch normalization by the running statistics, as a factor and a summand of each channel."""
    if layer.running_mean is None or layer.running_var is None:
        raise CodecError("a largest error needs batch normalization with running statistics")
    mean, variance, weight, bias = (
        values.detach().cpu().double()
        for values in (layer.running_mean, layer.running_var, layer.weight, layer.bias)
    )
    # Each is one operation on a number, rounded by IEEE 754.
    scale = weight.numpy() / np.sqrt(variance.numpy() + layer.epsilon)
    shift = bias - torch.from_numpy(scale) * mean
    factor, summand = weights(torch.from_numpy(scale)[None]), biases(shift)
    return lambda features: rescaled(features * factor + summand)


def _shuffle(features: Exact) -> Exact:
    """Channels (c, y, x) of each cell to 2x2 pixels."""
    batch, height, width, channels = features.shape
    parts = features.reshape(batch, height, width, channels // 4, 2, 2)
    return parts.transpose(0, 1, 4, 2, 5, 3).reshape(batch, 2 * height, 2 * width, channels // 4)
