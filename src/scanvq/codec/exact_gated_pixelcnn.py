"""Gated PixelCNN in exact arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from scanvq.codec.exact_conditions import ExactEmbedding, ExactSpatialMap, Values
from scanvq.codec.exact_stepper import ExactNetwork, ExactStepper, Grid
from scanvq.codec.fixed_point import Exact, activations, added, biases, product, rescaled, terms, weights
from scanvq.codec.tables import elu, gate
from scanvq.nn.masked_convolution import MIRROR_TAPS, mirror_columns
from scanvq.nn.matrices import bias_of, matrix_of
from scanvq.priors.gated_layer import GatedLayer
from scanvq.priors.gated_pixelcnn import GatedPixelCNN


class ExactGatedPixelCNN(ExactNetwork):
    """The weights of a `GatedPixelCNN` as integers.

    Args:
        network: the prior of a level.

    Raises:
        CodecError: weights that are too large.
    """

    def __init__(self, network: GatedPixelCNN) -> None:
        self.size = network.codebook_size
        embedding = activations(network.embedding.weight)
        above, beside = network.vertical_stem.taps, network.horizontal_stem.taps
        # Of the three cells above, then of those of the mirror image.
        sides = above.weight.split(embedding.shape[1], dim=1)
        self.above = terms([_stem(embedding, side[:, :, 0, tap]) for side in sides for tap in range(3)])
        self.above_bias = biases(bias_of(above))
        # Of the cell to the left, then of those around the mirror image.
        taps = [beside.weight[:, :, 0, 0]]
        if network.mirror_stem is not None:
            taps += network.mirror_stem.taps.weight[:, :, 0, 0].chunk(MIRROR_TAPS, dim=1)
        self.beside = terms([_stem(embedding, tap) for tap in taps])
        self.beside_bias = biases(bias_of(beside))
        self.spatial = None if network.spatial is None else ExactSpatialMap(network.spatial)
        self.layers = [_Layer(layer) for layer in network.gated_layers]
        self.head, self.head_bias = weights(matrix_of(network.head)), biases(bias_of(network.head))

    def stepper(
        self, shape: tuple[int, int, int], *, context: Sequence[Grid], condition: Values
    ) -> ExactStepper:
        return _Stepper(self, shape, context, condition)


def _stem(embedding: Exact, weight: torch.Tensor) -> Exact:
    """Sums (K + 1, outputs) of one tap for each code, the last 0 for outside the grid."""
    table = embedding @ weights(weight.t())
    return np.concatenate([table, np.zeros((1, table.shape[1]))])


class _Layer:
    """The weights of a gated layer."""

    def __init__(self, layer: GatedLayer) -> None:
        taps = layer.vertical.taps.weight  # (2C, C, 2, 3)
        self.dilation, self.channels = layer.dilation, taps.shape[1]
        self.vertical = weights(taps.permute(2, 3, 1, 0).reshape(6 * self.channels, -1))
        self.vertical_bias = biases(bias_of(layer.vertical.taps))
        self.across, self.across_bias = weights(matrix_of(layer.across)), biases(bias_of(layer.across))
        self.before = weights(layer.horizontal.taps.weight[:, :, 0, 0].t())
        self.at = weights(layer.horizontal.taps.weight[:, :, 0, 1].t())
        self.out = weights(matrix_of(layer.out))
        self.embedding = ExactEmbedding(layer.embedding)
        self.place = None if layer.place is None else weights(matrix_of(layer.place))


class _Cache:
    """Features of a layer: the last rows of the vertical stack, the row of the horizontal stack."""

    def __init__(self, layer: _Layer, width: int, batch: int, condition: Values) -> None:
        self.layer = layer
        self._rows = np.zeros((layer.dilation + 1, width + 2 * layer.dilation, batch, layer.channels))
        self.history = np.zeros((width + layer.dilation, batch, layer.channels))
        self.given = np.zeros((width, batch, 2 * layer.channels))  # sums
        self._bias = layer.vertical_bias + layer.embedding(condition)  # (2C,) or (B or 1, 2C)

    def start_row(self, row: int, features: Exact, spatial_map: Exact | None) -> Exact:
        """The row's input (w, B, C) to the vertical sums (w, B, 2C); sets `given`."""
        layer, width = self.layer, len(features)
        ring = layer.dilation + 1
        self._rows[row % ring, layer.dilation : -layer.dilation] = features
        taps = [
            rows[at : at + width]
            for rows in (self._rows[(row + 1) % ring], self._rows[row % ring])
            for at in range(0, 2 * layer.dilation + 1, layer.dilation)
        ]
        sums = product(np.concatenate(taps, axis=-1), layer.vertical) + self._bias
        if spatial_map is not None and layer.place is not None:
            sums = sums + product(spatial_map, layer.place)
        self.given = product(rescaled(sums), layer.across) + layer.across_bias
        return sums


class _Stepper(ExactStepper):
    def __init__(
        self,
        network: ExactGatedPixelCNN,
        shape: tuple[int, int, int],
        context: Sequence[Grid],
        condition: Values,
    ) -> None:
        super().__init__(shape, network.size, reach=1)
        batch, height, width = shape
        self._network = network
        self._map = None if network.spatial is None else network.spatial(height, width, context)
        self._caches = [_Cache(layer, width, batch, condition) for layer in network.layers]
        self._row = 0
        # Where the cells that a cell sees in its own row are in `_line`, whose first is outside.
        self._places = [np.arange(width)]
        if len(network.beside) > 1:
            self._places += list(mirror_columns(width).numpy() + 1)

    def start_row(self, row: int) -> None:
        self._row = row
        sums = self._network.above_bias
        line = self._line(row - 1)
        for number, table in enumerate(self._network.above):
            side = line if number < 3 else line[::-1]
            sums = sums + table.take(side[number % 3 : number % 3 + self.width], axis=0)
        features = rescaled(sums)  # (w, B, C)
        spatial_map = None if self._map is None else self._map[row]  # (w, B or 1, C)
        for number, cache in enumerate(self._caches):
            if number:
                features = gate(sums)
            sums = cache.start_row(row, features, spatial_map)

    def logits(self, start: int, stop: int) -> Exact:
        sums, line = self._network.beside_bias, self._line(self._row)
        for table, places in zip(self._network.beside, self._places, strict=True):
            sums = sums + table.take(line[places[start:stop]], axis=0)
        features = rescaled(sums)  # (n, B, C)
        for cache in self._caches:
            layer = cache.layer
            cache.history[start + layer.dilation : stop + layer.dilation] = features
            sums = product(cache.history[start:stop], layer.before)
            sums += product(features, layer.at)
            sums += cache.given[start:stop]
            features = added(features, rescaled(product(gate(sums), layer.out)))
        return product(elu(features), self._network.head) + self._network.head_bias
