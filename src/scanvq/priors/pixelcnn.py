"""PixelCNN over codes: a stack of masked convolutions."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import NO_CONDITIONS, ConditionSpace
from scanvq.nn.matrices import bias_of, matrix_of
from scanvq.nn.raster_convolution import CodeConvolution
from scanvq.priors.pixelcnn_layer import CachedBlock, LayerCondition, PixelCNNBlock, RowInput
from scanvq.priors.raster_prior import RasterPrior
from scanvq.priors.spatial_condition import SpatialCondition
from scanvq.sampling.raster import RasterStepper
from scanvq.spec import Derived
from scanvq.types import Codes


class PixelCNN(RasterPrior):
    """PixelCNN (van den Oord, Kalchbrenner and Kavukcuoglu 2016, arXiv 1601.06759, table 1).

    ```
    codes ── k x k mask A ── [1x1, 3x3 mask B, 1x1, residual] x n ── [ReLU, 1x1] x m ── ReLU ── 1x1 ──▶ logits
    ```

    The receptive field is kernel // 2 + blocks rows up and columns to the left, but to the right only
    kernel // 2 columns of the row above and one more column for each row further up: the blind spot of
    PixelCNN, which gated PixelCNN removes (arXiv 1606.05328, figure 1).

    Args:
        channels: width of the network.
        hidden: width of the 3x3 convolutions' output.
        kernel: of the first convolution, odd.
        blocks: residual blocks.
        head_layers: 1x1 layers before the last.
        codes_in: input of the first convolution: one-hot codes, or learned embeddings.
        embedding_dim: length of a code's embedding, for embedded codes.
        dropout: share of each block's hidden features dropped in training, in [0, 1).
        positions: learn an embedding of every row and column, added in each layer, for aligned images, where
            the distribution depends on the position in the image. Fixes the size of the grid.
        codebook_size: K.
        conditions: conditions of the prior, any of which may be absent; empty = unconditional.
        context_sizes: codebook sizes of the coarser levels, coarse to fine; () = none.
        height: rows of the code grid; needed with `positions`.
        width: columns of the code grid; needed with `positions`.

    Raises:
        ValueError: an argument out of its range, or `positions` without a grid.
    """

    def __init__(
        self,
        *,
        channels: int = 128,
        hidden: int = 64,
        kernel: int = 7,
        blocks: int = 2,
        head_layers: int = 2,
        codes_in: Literal["one_hot", "embedded"] = "one_hot",
        embedding_dim: int = 64,
        dropout: float = 0.0,
        positions: bool = False,
        codebook_size: Derived[int],
        conditions: Derived[ConditionSpace] = NO_CONDITIONS,
        context_sizes: Derived[tuple[int, ...]] = (),
        height: Derived[int] = 0,
        width: Derived[int] = 0,
    ) -> None:
        super().__init__()
        if blocks < 0 or head_layers < 0:
            raise ValueError(f"blocks is {blocks} and head_layers {head_layers}; each must be 0 or more")
        if codes_in == "embedded" and embedding_dim < 1:
            raise ValueError(f"embedding_dim is {embedding_dim}; it must be at least 1")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}; it must be at least 0 and below 1")
        if positions and not (height > 0 and width > 0):
            raise ValueError("positions needs height and width, the size of the code grid")
        self.codebook_size = codebook_size
        self.conditions = conditions
        self.context_sizes = context_sizes
        spatial = positions or len(context_sizes) > 0
        spatial_channels = channels if spatial else 0
        grid = (height, width) if positions else None
        self.spatial = (
            SpatialCondition(dim=channels, grid=grid, context_sizes=context_sizes) if spatial else None
        )
        self.first = CodeConvolution(
            codebook_size,
            channels,
            kernel=kernel,
            embedding_dim=embedding_dim if codes_in == "embedded" else 0,
        )
        self.first_condition = LayerCondition(
            channels, conditions=conditions, spatial_channels=spatial_channels
        )
        self.blocks = nn.ModuleList(
            PixelCNNBlock(channels, hidden, dropout=dropout, conditions=conditions, spatial=spatial)
            for _ in range(blocks)
        )
        self.head = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(head_layers))
        self.head_conditions = nn.ModuleList(
            LayerCondition(channels, conditions=conditions, spatial_channels=spatial_channels)
            for _ in range(head_layers)
        )
        self.last = nn.Conv2d(channels, codebook_size, 1)

    @property
    def residual_blocks(self) -> tuple[PixelCNNBlock, ...]:
        """The residual blocks in order."""
        return tuple(block for block in self.blocks if isinstance(block, PixelCNNBlock))

    @property
    def head_layers(self) -> tuple[tuple[nn.Conv2d, LayerCondition], ...]:
        """The 1x1 layers before the last in order, each with its condition layer."""
        return tuple(
            (layer, added)
            for layer, added in zip(self.head, self.head_conditions, strict=True)
            if isinstance(layer, nn.Conv2d) and isinstance(added, LayerCondition)
        )

    def logits(self, codes: Tensor, *, context: Codes = (), condition: Condition | None = None) -> Tensor:
        """Codes (B, h, w), none UNKNOWN, to logits (B, K, h, w), each conditional on earlier cells only.

        Conditions that the prior was not trained with are ignored.
        """
        spatial_map = self.spatial_map(codes, context)
        features = self.first_condition(self.first(codes), condition, spatial_map)  # (B, C, h, w)
        for block in self.blocks:
            features = block(features, condition, spatial_map)
        for layer, added in self.head_layers:
            features = added(layer(F.relu(features)), condition, spatial_map)
        return self.last(F.relu(features))  # (B, K, h, w)

    def stepper(
        self,
        shape: tuple[int, int, int],
        *,
        context: Codes = (),
        condition: Condition | None = None,
    ) -> PixelCNNStepper:
        """Computes the same logits as `logits`, cell by cell."""
        return PixelCNNStepper(self, shape, context=context, condition=condition)


class PixelCNNStepper(RasterStepper):
    """Cached cell-by-cell computation of PixelCNN (arXiv 1704.06001).

    Under mask A the features of a cell do not depend on its code, so each is computed once, layer by layer.
    Tensors have the cell as the first axis, (w, B, channels). The contributions of the rows above and of
    conditions to a layer are computed a row at a time; each block also caches a row of features. When a code
    is set, its contribution is added to the first layer of the cells to the right.

    Args:
        network: its weights are copied as matrices.
        shape: (B, h, w).
        context: codes of the coarser levels.
        condition: requested values; None = all absent.
    """

    def __init__(
        self,
        network: PixelCNN,
        shape: tuple[int, int, int],
        *,
        context: Codes,
        condition: Condition | None,
    ) -> None:
        batch, _, width = shape
        device = network.last.weight.device
        super().__init__(shape, torch.empty(width, batch, dtype=torch.int64, device=device))
        self._network = network
        self._condition = condition
        self._spatial_map = network.spatial_map(self._codes, context)  # (B or 1, C, h, w)
        convolution, size = network.first.convolution, network.codebook_size
        reach, kernel = convolution.reach, convolution.kernel
        tables = network.first.tables()  # (taps, K + 1, C)
        self._above_tables = tables[: reach * kernel].flatten(0, 1)
        self._above_offsets = (size + 1) * torch.arange(reach * kernel, device=device)
        self._beside_tables = tables[reach * kernel :].flip(0).contiguous()  # of 1, 2, ... cells to the left
        self._above = self.line.new_full((reach, width + 2 * reach, batch), size)  # codes above, with borders

        self._reach = reach
        self._lines = self.line.unbind(0)
        self._first = RowInput(network.first_condition, convolution.bias, condition, width + reach, batch)
        self._blocks = [CachedBlock(block, condition, width, batch) for block in network.residual_blocks]
        self._head = [
            (matrix_of(layer), RowInput(added, bias_of(layer), condition, width, batch))
            for layer, added in network.head_layers
        ]
        self._last, self._last_bias = matrix_of(network.last), bias_of(network.last)
        self._cells: dict[int, _Cells] = {}
        self._width = width

    def _skip_to(self, row: int, codes: Tensor) -> None:
        """Fills the caches of the row above in a single pass over the receptive field."""
        if row == 0:
            return
        network = self._network
        first = max(0, row - self._reach - len(self._blocks))
        rows = codes[:, first:row]
        spatial_map = None if self._spatial_map is None else self._spatial_map[:, :, first:row]
        features = network.first_condition(network.first(rows), self._condition, spatial_map)
        for block, packed in zip(network.residual_blocks, self._blocks, strict=True):
            packed.kept[1:-1] = block.masked_input(features)[:, :, -1].permute(2, 0, 1)
            features = block(features, self._condition, spatial_map)

    def _start_row(self, row: int, codes: Tensor) -> None:
        """Computes the inputs of a row from the rows above and from conditions."""
        reach, width = self._reach, self._width
        for up in range(1, min(reach, row) + 1):
            self._above[reach - up, reach:-reach] = codes[:, row - up].t()
        taps = [self._above[up, at : at + width] for up in range(reach) for at in range(2 * reach + 1)]
        lines = torch.stack(taps, dim=-1) + self._above_offsets  # (w, B, taps)
        above = F.embedding_bag(lines.flatten(0, 1), self._above_tables, mode="sum")
        spatial_map = (
            None if self._spatial_map is None else self._spatial_map[:, :, row].permute(2, 0, 1)
        )  # (w, B or 1, C)
        self._first.start_row(above.view(width, self.line.shape[1], -1), spatial_map)
        for block in self._blocks:
            block.given.start_row(block.seen_above(), spatial_map)
        for _, given in self._head:
            given.start_row(None, spatial_map)

    def advance(self, start: int, stop: int) -> Tensor:
        """Computes cells start to stop - 1: logits (B, K) of the last."""
        features = self._advance(start, stop)
        cell = stop - 1
        for weights, given in self._head:
            features = torch.addmm(given.cells[cell], features.relu_(), weights)
        return torch.addmm(self._last_bias, features.relu(), self._last)

    def _finish_row(self, start: int) -> None:
        """Computes the features of the cells from `start` on, which the row below reads."""
        if start < self._width:
            self._advance(start, self._width)

    def _advance(self, start: int, stop: int) -> Tensor:
        """Computes the blocks for cells start to stop - 1: a temporary tensor (B, C) of the last cell."""
        self._add_codes(max(start - 1, 0), stop - 1)
        if stop - start > 1:
            return _Cells(self._first.rows, self._blocks, start, stop).forward()
        if start not in self._cells:
            self._cells[start] = _Cells(self._first.rows, self._blocks, start, stop)
        return self._cells[start].forward()

    def _add_codes(self, start: int, stop: int) -> None:
        """Adds the contributions of codes start to stop - 1 to the first layer of the cells to the right."""
        if stop - start == 1:
            lines = self._beside_tables.index_select(1, self._lines[start])  # (reach, B, C)
            self._first.rows[stop : stop + self._reach] += lines
        elif stop > start:
            for left, table in enumerate(self._beside_tables, start=1):
                self._first.rows[start + left : stop + left] += table[self.line[start:stop]]


class _Cells:
    """Views of the caches for adjacent cells, created once, so that sampling does not slice tensors."""

    def __init__(self, first: Tensor, blocks: list[CachedBlock], start: int, stop: int) -> None:
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
        """Computes the features (B, C) of the last cell after the blocks."""
        features = self._features.copy_(self._first)
        for block, given, left, current, hidden in self._blocks:
            torch.clamp_min(features, 0, out=self._active)
            torch.addmm(block.before_bias, self._active, block.before, out=current).relu_()
            torch.addmm(given, left, block.left, out=hidden)
            hidden.addmm_(current, block.current).relu_()
            features.addmm_(hidden, block.after)
        return features[-self._batch :]
