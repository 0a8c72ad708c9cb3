"""PixelCNN in exact arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanvq.codec.exact_conditions import ExactEmbedding, ExactSpatialMap, Values
from scanvq.codec.exact_stepper import ExactNetwork, ExactStepper, Grid
from scanvq.codec.fixed_point import Exact, activations, added, biases, product, rescaled, terms, weights
from scanvq.nn.matrices import bias_of, matrix_of
from scanvq.nn.raster_convolution import CodeConvolution
from scanvq.priors.pixelcnn import PixelCNN
from scanvq.priors.pixelcnn_layer import LayerCondition, PixelCNNBlock


class ExactPixelCNN(ExactNetwork):
    """The weights of a `PixelCNN` as integers.

    Args:
        network: the prior of a level.

    Raises:
        CodecError: weights that are too large.
    """

    def __init__(self, network: PixelCNN) -> None:
        self.size = network.codebook_size
        convolution = network.first.convolution
        self.reach, self.kernel = convolution.reach, convolution.kernel
        self.tables = _tables(network.first)
        self.first = _Condition(network.first_condition, biases(convolution.bias))
        self.spatial = None if network.spatial is None else ExactSpatialMap(network.spatial)
        self.blocks = [_Block(block) for block in network.residual_blocks]
        self.head = [
            (weights(matrix_of(layer)), _Condition(added_condition, biases(bias_of(layer))))
            for layer, added_condition in network.head_layers
        ]
        self.last, self.last_bias = weights(matrix_of(network.last)), biases(bias_of(network.last))

    def stepper(
        self, shape: tuple[int, int, int], *, context: Sequence[Grid], condition: Values
    ) -> ExactStepper:
        return _Stepper(self, shape, context, condition)


def _tables(first: CodeConvolution) -> list[Exact]:
    """Sums (K + 1, outputs) of each tap for each code, in raster order; the last 0 for outside the grid."""
    convolution = first.convolution
    outputs, inputs = convolution.above.shape[:2]
    taps = [
        weight.reshape(outputs, inputs, -1)[:, :, tap].t()
        for weight in (convolution.above, convolution.beside)
        for tap in range(weight.shape[2] * weight.shape[3])
    ]
    if first.embedding is None:  # one-hot codes: a row of weights is a sum
        tables = [biases(tap.flatten()).reshape(inputs, outputs) for tap in taps]
    else:
        embedding = activations(first.embedding.weight)
        tables = [embedding @ weights(tap) for tap in taps]
    return terms([np.concatenate([table, np.zeros((1, outputs))]) for table in tables])


class _Condition:
    """The weights of a `LayerCondition` and of the layer's bias."""

    def __init__(self, layer: LayerCondition, bias: Exact) -> None:
        self._embedding, self._bias = ExactEmbedding(layer.embedding), bias
        self._place = None if layer.place is None else weights(matrix_of(layer.place))

    def sums(self, condition: Values, spatial_map: Exact | None) -> Exact:
        """The summands (h, w, B or 1, outputs), or (B or 1, outputs), of all cells."""
        total: Exact = self._bias + self._embedding(condition)
        if self._place is not None and spatial_map is not None:
            total = total + product(spatial_map, self._place)
        return total


class _Block:
    """The weights of a residual block."""

    def __init__(self, block: PixelCNNBlock) -> None:
        masked = block.masked
        self.channels, hidden = masked.above.shape[1], masked.above.shape[0]
        self.before, self.before_bias = weights(matrix_of(block.before)), biases(bias_of(block.before))
        self.above = weights(masked.above.permute(2, 3, 1, 0).reshape(3 * self.channels, hidden))
        self.left = weights(masked.beside[:, :, 0, 0].t())
        self.current = weights(masked.beside[:, :, 0, 1].t())
        self.condition = _Condition(block.condition, biases(masked.bias))
        self.after = weights(matrix_of(block.after))


class _Stepper(ExactStepper):
    def __init__(
        self, network: ExactPixelCNN, shape: tuple[int, int, int], context: Sequence[Grid], condition: Values
    ) -> None:
        super().__init__(shape, network.size, reach=network.reach)
        batch, height, width = shape
        self._network, self._row = network, 0
        spatial_map = None if network.spatial is None else network.spatial(height, width, context)
        layers = [network.first, *(block.condition for block in network.blocks)]
        layers += [layer for _, layer in network.head]
        self._given = [layer.sums(condition, spatial_map) for layer in layers]
        self._first = np.zeros(0)  # (w, B, C) sums of the rows above
        self._hidden: list[Exact] = []  # of each block, (w, B, hidden) sums of the row above
        # of each block, the input of the masked convolution: the row above, then the current row
        self._kept = [np.zeros((width + 2, batch, block.channels)) for block in network.blocks]

    def start_row(self, row: int) -> None:
        network, self._row = self._network, row
        sums = self._bias(0)
        for number, table in enumerate(network.tables[: network.reach * network.kernel]):
            up, across = network.reach - number // network.kernel, number % network.kernel - network.reach
            sums = sums + self._looked_up(table, row, up, across, 0, self.width)
        self._first = sums
        self._hidden = []
        for number, (block, kept) in enumerate(zip(network.blocks, self._kept, strict=True)):
            above = np.concatenate([kept[at : at + self.width] for at in range(3)], axis=-1)
            self._hidden.append(product(above, block.above) + self._bias(1 + number))

    def logits(self, start: int, stop: int) -> Exact:
        network = self._network
        sums = self._first[start:stop]
        for left, table in enumerate(reversed(network.tables[network.reach * network.kernel :]), start=1):
            sums = sums + self._looked_up(table, self._row, 0, -left, start, stop)
        features = rescaled(sums)  # (n, B, C)
        for block, kept, hidden in zip(network.blocks, self._kept, self._hidden, strict=True):
            before = product(np.maximum(features, 0), block.before) + block.before_bias
            current = np.maximum(rescaled(before), 0)
            kept[start + 1 : stop + 1] = current
            sums = hidden[start:stop] + product(kept[start:stop], block.left)
            sums = np.maximum(rescaled(sums + product(current, block.current)), 0)
            features = added(features, rescaled(product(sums, block.after)))
        for number, (matrix, _) in enumerate(network.head, start=1 + len(network.blocks)):
            bias = self._bias(number)
            bias = bias[start:stop] if bias.ndim == 3 else bias
            features = rescaled(product(np.maximum(features, 0), matrix) + bias)
        return product(np.maximum(features, 0), network.last) + network.last_bias

    def _bias(self, number: int) -> Exact:
        """The summands of a layer in the current row, (w, B or 1, C), or (B or 1, C), or (C,)."""
        given = self._given[number]
        return given[self._row] if given.ndim == 4 else given
