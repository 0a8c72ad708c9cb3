"""PixelCNN cell by cell: of each layer, one cell's features, from what earlier rows and cells left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.priors.pixelcnn_layer import LayerCondition, PixelCNNBlock
from scanvq.types import Condition

if TYPE_CHECKING:
    from scanvq.priors.pixelcnn import PixelCNN


class PixelCNNSteps:
    """The `RasterSteps` of PixelCNN (the caching of arXiv 1704.06001).

    Under mask A a cell's features do not depend on its own code, so each is computed once, layer by layer.
    Everything lies position first, (w, B, channels). What a layer gets from the rows above, from the class
    and from the place is computed a row at a time; beside that a block keeps one row of features. A code that
    becomes known is added at once to the first layer of the cells to its right.

    Args:
        network: its weights are packed here, once.
        known: codes (B, h, w), for their shape and device.
        coarser: codes of the coarser level, where the network wants them.
        condition: the class labels.
    """

    def __init__(
        self, network: PixelCNN, known: Tensor, *, coarser: Tensor | None, condition: Condition | None
    ) -> None:
        self._network = network
        batch, _, width = known.shape
        self._labels = network.labels(known, condition)
        self._place = network.place(known, coarser)  # (B or 1, C, h, w)
        convolution, size = network.first.convolution, network.codebook_size
        reach, kernel = convolution.reach, convolution.kernel
        tables = network.first.tables()  # (taps, K + 1, C)
        self._above_tables = tables[: reach * kernel].flatten(0, 1)
        self._above_offsets = (size + 1) * torch.arange(reach * kernel, device=known.device)
        self._beside_tables = tables[reach * kernel :].flip(0).contiguous()  # of 1, 2, ... cells to the left
        self._above = known.new_full((reach, width + 2 * reach, batch), size)  # codes above, with borders

        self._reach = reach
        self.line = known.new_empty(width, batch)
        self._lines = self.line.unbind(0)
        self._first = _Given(network.first_condition, convolution.bias, self._labels, width + reach, batch)
        self._blocks = [_PackedBlock(block, self._labels, width, batch) for block in network.residual_blocks]
        self._head = [
            (_matrix(layer.weight), _Given(added, _bias(layer), self._labels, width, batch))
            for layer, added in network.head_layers
        ]
        self._last, self._last_bias = _matrix(network.last.weight), _bias(network.last)
        self._cells: dict[int, _Cells] = {}
        self._width = width

    def skip_to(self, row: int, codes: Tensor) -> None:
        """Computes what the row above leaves behind, from as many rows as it sees."""
        if row == 0:
            return
        network = self._network
        first = max(0, row - self._reach - len(self._blocks))
        seen = codes[:, first:row]
        place = None if self._place is None else self._place[:, :, first:row]
        features = network.first_condition(network.first(seen), self._labels, place)
        for block, packed in zip(network.residual_blocks, self._blocks, strict=True):
            packed.kept[1:-1] = block.masked_input(features)[:, :, -1].permute(2, 0, 1)
            features = block(features, self._labels, place)

    def start_row(self, row: int, codes: Tensor) -> None:
        """Computes all that a row gets from above and from conditions."""
        reach, width = self._reach, self._width
        for up in range(1, min(reach, row) + 1):
            self._above[reach - up, reach:-reach] = codes[:, row - up].t()
        taps = [self._above[up, at : at + width] for up in range(reach) for at in range(2 * reach + 1)]
        lines = torch.stack(taps, dim=-1) + self._above_offsets  # (w, B, taps)
        above = F.embedding_bag(lines.flatten(0, 1), self._above_tables, mode="sum")
        place = None if self._place is None else self._place[:, :, row].permute(2, 0, 1)  # (w, B or 1, C)
        self._first.start_row(above.view(width, self.line.shape[1], -1), place)
        for block in self._blocks:
            block.given.start_row(block.seen_above(), place)
        for _, given in self._head:
            given.start_row(None, place)

    def advance(self, start: int, stop: int) -> Tensor:
        """Computes a run of cells: logits (B, K) of the last."""
        features = self._advance(start, stop)
        cell = stop - 1
        for weights, given in self._head:
            features = torch.addmm(given.cells[cell], features.relu_(), weights)
        return torch.addmm(self._last_bias, features.relu(), self._last)

    def finish_row(self, start: int) -> None:
        """Computes the features of the cells from `start` on, which the row below sees."""
        if start < self._width:
            self._advance(start, self._width)

    def _advance(self, start: int, stop: int) -> Tensor:
        """Takes cells start to stop - 1 through the blocks: features (B, C) of the last, not to be kept."""
        self._add_codes(max(start - 1, 0), stop - 1)
        if stop - start > 1:
            return _Cells(self._first.rows, self._blocks, start, stop).forward()
        if start not in self._cells:
            self._cells[start] = _Cells(self._first.rows, self._blocks, start, stop)
        return self._cells[start].forward()

    def _add_codes(self, start: int, stop: int) -> None:
        """Gives the first layer what codes start to stop - 1 tell the cells to their right."""
        if stop - start == 1:
            lines = self._beside_tables.index_select(1, self._lines[start])  # (reach, B, C)
            self._first.rows[stop : stop + self._reach] += lines
        elif stop > start:
            for left, table in enumerate(self._beside_tables, start=1):
                self._first.rows[start + left : stop + left] += table[self.line[start:stop]]


def _matrix(weight: Tensor) -> Tensor:
    """A 1x1 convolution's weight as a matrix (inputs, outputs)."""
    return weight[:, :, 0, 0].t().contiguous()


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias


class _Given:
    """What a layer's cells get beside the features of their own row, for one row: `rows` (w, B, channels)."""

    def __init__(
        self,
        condition: LayerCondition,
        bias: Tensor,
        labels: Tensor | None,
        width: int,
        batch: int,
    ) -> None:
        label = None if condition.label is None or labels is None else condition.label(labels)  # (B, C)
        self._bias = bias if label is None else bias + label
        self._place = None if condition.place is None else _matrix(condition.place.weight)
        self.rows = (self._bias + bias.new_zeros(width, batch, 1)).contiguous()
        self.cells = self.rows.unbind(0)

    def start_row(self, above: Tensor | None, place: Tensor | None) -> None:
        """Sets the row anew: `above` (w, B, channels) and the place (w, B or 1, C) may each be missing."""
        parts = [] if above is None else [above]
        if place is not None and self._place is not None:
            parts.append(place @ self._place)
        if parts:
            self.rows[: len(parts[0])] = sum(parts, start=self._bias)


class _PackedBlock:
    """One block's weights as matrices, and the row of features that its masked convolution keeps."""

    def __init__(self, block: PixelCNNBlock, labels: Tensor | None, width: int, batch: int) -> None:
        masked = block.masked
        channels = masked.above.shape[1]
        self.given = _Given(block.condition, masked.bias, labels, width, batch)
        self.before, self.before_bias = _matrix(block.before.weight), _bias(block.before)
        self.above = masked.above.permute(2, 3, 1, 0).reshape(3 * channels, -1).contiguous()  # (3C, hidden)
        self.left = masked.beside[:, :, 0, 0].t().contiguous()  # (C, hidden)
        self.own = masked.beside[:, :, 0, 1].t().contiguous()  # (C, hidden)
        self.after = _matrix(block.after.weight)  # (hidden, C)
        self.kept = masked.above.new_zeros(width + 2, batch, channels)  # the row above, then the one at hand

    def seen_above(self) -> Tensor:
        """What the row above gives each cell (w, B, hidden). Called before that row is written over."""
        width = self.kept.shape[0] - 2
        seen = torch.cat([self.kept[at : at + width] for at in range(3)], dim=-1)  # (w, B, 3C)
        return seen @ self.above


class _Cells:
    """Views into the caches for one run of cells, so that going through it slices nothing."""

    def __init__(self, first: Tensor, blocks: list[_PackedBlock], start: int, stop: int) -> None:
        self._first = first[start:stop].flatten(0, 1)
        self._batch = first.shape[1]
        cells, channels = self._first.shape
        self._features = first.new_empty(cells, channels)
        self._active = first.new_empty(cells, channels)
        self._blocks = [
            (
                block,
                block.given.rows[start:stop].flatten(0, 1),
                block.kept[start:stop].flatten(0, 1),
                block.kept[start + 1 : stop + 1].flatten(0, 1),
                first.new_empty(cells, block.after.shape[0]),
            )
            for block in blocks
        ]

    def forward(self) -> Tensor:
        """The last cell's features (B, C) behind the blocks."""
        features = self._features.copy_(self._first)
        for block, given, left, own, hidden in self._blocks:
            torch.clamp_min(features, 0, out=self._active)
            torch.addmm(block.before_bias, self._active, block.before, out=own).relu_()
            torch.addmm(given, left, block.left, out=hidden)
            hidden.addmm_(own, block.own).relu_()
            features.addmm_(hidden, block.after)
        return features[-self._batch :]
