"""Convolutions in exact arithmetic, as one matrix product for each tap."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from scanvq.codec.errors import CodecError
from scanvq.codec.fixed_point import Exact, biases, weights


class ExactConvolution:
    """A convolution of stride 1 that keeps the size; channels are the last axis.

    Args:
        weight: (outputs, inputs, k, k), k odd.
        bias: (outputs,); None = 0.

    Raises:
        CodecError: weights that are too large.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        outputs, inputs, self._kernel, _ = weight.shape
        matrix = weights(weight.permute(2, 3, 1, 0).reshape(-1, outputs))
        self._taps = matrix.reshape(self._kernel**2, inputs, outputs)
        self._bias = np.zeros(outputs) if bias is None else biases(bias)

    @classmethod
    def of(cls, layer: nn.Conv2d) -> ExactConvolution:
        """Raises CodecError for a stride, dilation, groups or padding that change the size."""
        kernel, padding = layer.kernel_size, layer.padding
        plain = layer.stride == layer.dilation == (1, 1) and layer.groups == 1
        if not plain or kernel[0] != kernel[1] or padding != (kernel[0] // 2, kernel[0] // 2):
            raise CodecError(f"the codec does not support the layer {layer}")
        return cls(layer.weight, layer.bias)

    def __call__(self, features: Exact) -> Exact:
        """Activations (B, h, w, inputs) to sums (B, h, w, outputs)."""
        batch, height, width, inputs = features.shape
        reach = self._kernel // 2
        padded = np.pad(features, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
        total = np.broadcast_to(self._bias, (batch * height * width, len(self._bias)))
        for number, tap in enumerate(self._taps):
            row, column = divmod(number, self._kernel)
            moved = padded[:, row : row + height, column : column + width].reshape(-1, inputs)
            total = total + moved @ tap
        return total.reshape(batch, height, width, -1)
