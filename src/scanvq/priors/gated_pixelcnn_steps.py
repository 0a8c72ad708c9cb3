"""Gated PixelCNN cell by cell: a row of the vertical stack at once, then one cell of the horizontal stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.priors.gated_layer import GatedLayer, gate
from scanvq.types import Condition

if TYPE_CHECKING:
    from scanvq.priors.gated_pixelcnn import GatedPixelCNN


class GatedPixelCNNSteps:
    """The `RasterSteps` of gated PixelCNN (the caching of arXiv 1704.06001).

    Everything lies position first, (w, B, channels), so that a run of cells is one contiguous matrix. The
    vertical stack keeps the last rows of each layer in a ring, the horizontal stack the row at hand.

    Args:
        network: its weights are packed here, once, in float32.
        known: codes (B, h, w), for their shape and device.
        coarser: codes of the coarser level, where the network wants them.
        condition: the class labels.
    """

    def __init__(
        self, network: GatedPixelCNN, known: Tensor, *, coarser: Tensor | None, condition: Condition | None
    ) -> None:
        self._network = network
        batch, _, width = known.shape
        self._labels = network.labels(known, condition)
        self._place = network.place(known, coarser)  # (B or 1, C, h, w)
        channels = network.head.in_channels
        size = network.codebook_size

        # The stems read one code a tap, so each tap is a table; its last line stands for "outside the grid".
        embedding = torch.cat(
            [network.embedding.weight, network.embedding.weight.new_zeros(1, network.embedding.embedding_dim)]
        )
        above = network.vertical_stem.taps
        self._above_tables = torch.cat([embedding @ above.weight[:, :, 0, tap].t() for tap in range(3)])
        self._above_tables[: size + 1] += _bias(above)
        self._above_offsets = torch.arange(3, device=known.device) * (size + 1)
        beside = network.horizontal_stem.taps
        self._beside_table = embedding @ beside.weight[:, :, 0, 0].t() + _bias(beside)
        self._above = known.new_full((width + 2, batch), size)  # codes of the row above, with borders
        self._left = known.new_full((width + 1, batch), size)
        self.line = self._left[1:]

        self._layers = [_PackedLayer(layer, self._labels, width, batch) for layer in network.gated_layers]
        outputs = [layer.history[layer.dilation :] for layer in self._layers[1:]]
        self._outputs = [*outputs, self._beside_table.new_empty(width, batch, channels)]
        self._head = network.head.weight[:, :, 0, 0].t().contiguous()
        self._head_bias = _bias(network.head)
        self._runs: dict[int, _Run] = {}

    def skip_to(self, row: int, codes: Tensor) -> None:
        """Fills the rings of the vertical stack from the rows above, in one pass over those it can see."""
        if row == 0:
            return
        first = max(0, row - 1 - sum(layer.dilation for layer in self._layers))
        place = None if self._place is None else self._place[:, :, first:row]
        embedded = self._network.embedding(codes[:, first:row]).permute(0, 3, 1, 2)
        vertical = self._network.vertical_stem(embedded)
        for number, (layer, packed) in enumerate(zip(self._network.gated_layers, self._layers, strict=True)):
            if number:
                vertical = gate(vertical)
            for past in range(max(first, row - packed.dilation), row):
                packed.keep_row(past, vertical[:, :, past - first].permute(2, 0, 1))
            vertical = layer.vertical(vertical)
            condition = layer.condition(self._labels, place)
            if condition is not None:
                vertical = vertical + condition

    def start_row(self, row: int, codes: Tensor) -> None:
        """The vertical stack over one row, and what it and the conditions give to the horizontal one."""
        if row:
            self._above[1:-1] = codes[:, row - 1].t()
        width, batch = self.line.shape
        taps = torch.stack([self._above[tap : tap + width] for tap in range(3)], dim=-1) + self._above_offsets
        vertical = F.embedding_bag(taps.view(-1, 3), self._above_tables, mode="sum")  # (w * B, C)
        place = None
        if self._place is not None:
            place = self._place[:, :, row].permute(2, 0, 1)  # (w, B or 1, C)
        for number, layer in enumerate(self._layers):
            if number:
                vertical = gate(vertical)
            layer.keep_row(row, vertical.view(width, batch, -1))
            vertical = layer.start_row(row, place)  # (w * B, 2C)

    def advance(self, start: int, stop: int) -> Tensor:
        """The horizontal stack over a run of cells: logits (B, K) of the last."""
        if stop - start > 1:
            run = _Run(self._layers, self._outputs, self._left, start, stop)
        elif start in self._runs:
            run = self._runs[start]
        else:
            run = self._runs[start] = _Run(self._layers, self._outputs, self._left, start, stop)
        return torch.addmm(self._head_bias, F.elu(run.forward(self._beside_table)), self._head)

    def finish_row(self, start: int) -> None:
        """Nothing to do: rows below see codes alone, through the vertical stack."""


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias


class _PackedLayer:
    """One layer's weights as matrices, and what it keeps."""

    def __init__(self, layer: GatedLayer, labels: Tensor | None, width: int, batch: int) -> None:
        self.dilation = layer.dilation
        channels = layer.out.in_channels
        taps = layer.vertical.taps.weight  # (2C, C, 2, 3)
        # tanh(a) sigmoid(b) = tanh(a) (1 + tanh(b / 2)) / 2: the horizontal gate becomes one tanh, with its
        # halves taken into the weights before and after it.
        half = taps.new_ones(2 * channels)
        half[channels:] = 0.5
        self.vertical = taps.permute(2, 3, 1, 0).reshape(6 * channels, 2 * channels).contiguous()
        self.across = layer.across.weight[:, :, 0, 0].t() * half
        self.before = layer.horizontal.taps.weight[:, :, 0, 0].t() * half  # (C, 2C)
        self.at = layer.horizontal.taps.weight[:, :, 0, 1].t() * half  # (C, 2C)
        self.out = layer.out.weight[:, :, 0, 0].t() * 0.5  # (C, C)
        self.across_bias = _bias(layer.across) * half
        self.vertical_bias = _bias(layer.vertical.taps)
        if layer.label is not None and labels is not None:
            self.vertical_bias = self.vertical_bias + layer.label(labels)  # (B, 2C)
        self.place = None if layer.place is None else layer.place.weight[:, :, 0, 0].t()  # (C, 2C)

        self.rows = taps.new_zeros(self.dilation + 1, width + 2 * self.dilation, batch, channels)
        self.history = taps.new_zeros(width + self.dilation, batch, channels)
        self.given = taps.new_empty(width, batch, 2 * channels)  # what a cell's gate gets from elsewhere
        self._seen = taps.new_empty(width * batch, 6 * channels)

    def keep_row(self, row: int, features: Tensor) -> None:
        """Puts a row's input (w, B, C) in place of the one that no later row sees."""
        self.rows[row % (self.dilation + 1), self.dilation : -self.dilation] = features

    def start_row(self, row: int, place: Tensor | None) -> Tensor:
        """The vertical features (w * B, 2C) of a row whose input is kept; leaves `given` behind."""
        width, batch, channels = self.given.shape
        ring = self.dilation + 1
        both = (self.rows[(row + 1) % ring], self.rows[row % ring])  # row - dilation, row
        columns = range(0, 2 * self.dilation + 1, self.dilation)
        torch.cat(
            [kept[at : at + width].flatten(0, 1) for kept in both for at in columns], dim=1, out=self._seen
        )
        features = torch.mm(self._seen, self.vertical).view(width, batch, channels).add_(self.vertical_bias)
        if place is not None and self.place is not None:
            features += place @ self.place
        features = features.flatten(0, 1)
        torch.addmm(self.across_bias, features, self.across, out=self.given.flatten(0, 1))
        return features


class _Run:
    """Views into the caches for one run of cells, so that going through it slices nothing."""

    def __init__(
        self, layers: list[_PackedLayer], outputs: list[Tensor], left: Tensor, start: int, stop: int
    ) -> None:
        self._left = left[start:stop].flatten()
        first = layers[0]
        self._first = first.history[start + first.dilation : stop + first.dilation].flatten(0, 1)
        self._batch = left.shape[1]
        cells, channels = self._first.shape
        self._features = self._first.new_empty(cells, 2 * channels)
        self._values, self._gates = self._features.chunk(2, dim=1)
        self._gated = self._first.new_empty(cells, channels)
        self._layers = [
            (
                layer.given[start:stop].flatten(0, 1),
                layer.history[start:stop].flatten(0, 1),
                layer.before,
                layer.history[start + layer.dilation : stop + layer.dilation].flatten(0, 1),
                layer.at,
                layer.out,
                output[start:stop].flatten(0, 1),
            )
            for layer, output in zip(layers, outputs, strict=True)
        ]

    def forward(self, table: Tensor) -> Tensor:
        """The last layer's horizontal features (B, C) of the last cell."""
        torch.index_select(table, 0, self._left, out=self._first)
        for given, past, before, present, at, out, output in self._layers:
            torch.addmm(given, past, before, out=self._features)
            self._features.addmm_(present, at).tanh_()
            torch.addcmul(self._values, self._values, self._gates, out=self._gated)
            torch.addmm(present, self._gated, out, out=output)
        return output[-self._batch :]
