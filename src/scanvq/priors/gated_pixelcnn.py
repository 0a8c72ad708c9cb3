"""Gated PixelCNN over codes, without the blind spot of PixelCNN."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import NO_CONDITIONS, ConditionSpace
from scanvq.nn.masked_convolution import (
    MIRROR_TAPS,
    HorizontalConvolution,
    MirrorConvolution,
    VerticalConvolution,
    mirror_columns,
)
from scanvq.nn.matrices import bias_of, matrix_of
from scanvq.priors.gated_layer import CachedGatedLayer, GatedLayer, gate
from scanvq.priors.raster_prior import RasterPrior
from scanvq.priors.spatial_condition import SpatialCondition
from scanvq.sampling.raster import RasterStepper
from scanvq.spec import Derived
from scanvq.types import Codes


class GatedPixelCNN(RasterPrior):
    """Gated PixelCNN (van den Oord et al. 2016, arXiv 1606.05328), with dilations and embedded codes.

    ```
    codes ── embed ─┬─ 1x3 of the row above ──▶ v ──┬─ [gated layer] x n ──▶ h ── ELU ── 1x1 ──▶ logits
                    └─ the cell to the left ──▶ h ──┘
    ```

    With `mirror`, v also sees the mirrored cells of the row above, and h those earlier in its own row.

    The receptive field is 1 + sum(dilations) rows up and columns to each side: 13 with the defaults.

    Args:
        channels: width of both stacks.
        dilations: the dilation of each gated layer, first to last.
        embedding_dim: length of a code's embedding.
        dropout: share of gated features dropped in training, in [0, 1).
        positions: learn an embedding of every row and column, added to each gate, for aligned images, where
            the distribution depends on the position in the image. Fixes the size of the grid.
        mirror: also give each cell the codes around its mirror image left to right, for nearly symmetric
            images such as brains.
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
        dilations: tuple[int, ...] = (1, 2, 1, 4, 1, 2, 1),
        embedding_dim: int = 64,
        dropout: float = 0.0,
        positions: bool = False,
        mirror: bool = False,
        codebook_size: Derived[int],
        conditions: Derived[ConditionSpace] = NO_CONDITIONS,
        context_sizes: Derived[tuple[int, ...]] = (),
        height: Derived[int] = 0,
        width: Derived[int] = 0,
    ) -> None:
        super().__init__()
        if not dilations or min(dilations) < 1:
            raise ValueError(f"dilations is {dilations}; give a whole number of 1 or more for each layer")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}; it must be at least 0 and below 1")
        if positions and not (height > 0 and width > 0):
            raise ValueError("positions needs height and width, the size of the code grid")
        self.codebook_size = codebook_size
        self.conditions = conditions
        self.context_sizes = context_sizes
        self.embedding = nn.Embedding(codebook_size, embedding_dim)
        sides = 2 if mirror else 1
        self.vertical_stem = VerticalConvolution(sides * embedding_dim, channels, own_row=False)
        self.horizontal_stem = HorizontalConvolution(embedding_dim, channels, own_cell=False)
        self.mirror_stem = MirrorConvolution(embedding_dim, channels) if mirror else None
        if self.mirror_stem is not None:  # mirror images count as far as training finds them useful
            nn.init.zeros_(self.mirror_stem.taps.weight)
            nn.init.zeros_(self.vertical_stem.taps.weight[:, embedding_dim:])
        spatial = positions or len(context_sizes) > 0
        grid = (height, width) if positions else None
        self.spatial = (
            SpatialCondition(dim=channels, grid=grid, context_sizes=context_sizes) if spatial else None
        )
        self.layers = nn.ModuleList(
            GatedLayer(channels, dilation=dilation, dropout=dropout, conditions=conditions, spatial=spatial)
            for dilation in dilations
        )
        self.head = nn.Conv2d(channels, codebook_size, 1)

    @property
    def gated_layers(self) -> tuple[GatedLayer, ...]:
        """The gated layers in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, GatedLayer))

    def logits(self, codes: Tensor, *, context: Codes = (), condition: Condition | None = None) -> Tensor:
        """Codes (B, h, w), none UNKNOWN, to logits (B, K, h, w), each conditional on earlier cells only.

        Conditions that the prior was not trained with are ignored.
        """
        embedded = self.embedding(codes).permute(0, 3, 1, 2)  # (B, E, h, w), channels last in memory
        spatial_map = self.spatial_map(codes, context)
        vertical = self.vertical(embedded)  # (B, C, h, w)
        horizontal = self.horizontal_stem(embedded)  # (B, C, h, w)
        if self.mirror_stem is not None:
            horizontal = horizontal + self.mirror_stem(embedded)
        for number, layer in enumerate(self.layers):
            if number:
                vertical = gate(vertical)  # (B, C, h, w)
            vertical, horizontal = layer(
                vertical, horizontal, condition, spatial_map
            )  # (B, 2C, h, w), (B, C, h, w)
        return self.head(F.elu(horizontal))  # (B, K, h, w)

    def vertical(self, embedded: Tensor) -> Tensor:
        """Embedded codes (B, E, h, w) to the input of the vertical stack, (B, C, h, w)."""
        if self.mirror_stem is not None:
            embedded = torch.cat([embedded, embedded.flip(3)], dim=1)
        features: Tensor = self.vertical_stem(embedded)
        return features

    def stepper(
        self,
        shape: tuple[int, int, int],
        *,
        context: Codes = (),
        condition: Condition | None = None,
    ) -> GatedPixelCNNStepper:
        """Computes the same logits as `logits`, cell by cell."""
        return GatedPixelCNNStepper(self, shape, context=context, condition=condition)


class GatedPixelCNNStepper(RasterStepper):
    """Cached cell-by-cell computation of gated PixelCNN (arXiv 1704.06001).

    Computes a row of the vertical stack at once, then cells of the horizontal stack. The vertical stack
    caches the last rows of each layer in a ring buffer, the horizontal stack the current row. The layout of
    tensors is that of `CachedGatedLayer`.

    Args:
        network: its weights are copied as matrices, in float32.
        shape: (B, h, w).
        context: codes of the coarser levels.
        condition: requested values; None = all absent.
    """

    def __init__(
        self,
        network: GatedPixelCNN,
        shape: tuple[int, int, int],
        *,
        context: Codes,
        condition: Condition | None,
    ) -> None:
        batch, _, width = shape
        size, device = network.codebook_size, network.embedding.weight.device
        self._left = torch.full((width + 1, batch), size, device=device)
        super().__init__(shape, self._left[1:])
        self._network = network
        self._condition = condition
        self._spatial_map = network.spatial_map(self._codes, context)  # (B or 1, C, h, w)
        channels = network.head.in_channels

        # Each tap of the stems reads a single code, so it is a lookup table; the last row is for outside.
        embedding = torch.cat(
            [network.embedding.weight, network.embedding.weight.new_zeros(1, network.embedding.embedding_dim)]
        )
        above = network.vertical_stem.taps
        sides = above.weight.split(embedding.shape[1], dim=1)  # (C, E, 1, 3), then that of the mirror image
        self._above_tables = torch.cat(
            [embedding @ side[:, :, 0, tap].t() for side in sides for tap in range(3)]
        )
        self._above_tables[: size + 1] += bias_of(above)
        self._above_offsets = torch.arange(3 * len(sides), device=device) * (size + 1)
        self._row_cells = _RowCells(network, embedding, self._left)
        self._above = self._left.new_full((width + 2, batch), size)  # codes of the row above, with borders

        self._layers = [CachedGatedLayer(layer, condition, width, batch) for layer in network.gated_layers]
        outputs = [layer.history[layer.dilation :] for layer in self._layers[1:]]
        self._outputs = [*outputs, embedding.new_empty(width, batch, channels)]
        self._head = matrix_of(network.head)
        self._head_bias = bias_of(network.head)
        self._views: dict[int, _CacheViews] = {}

    def _skip_to(self, row: int, codes: Tensor) -> None:
        """Fills the ring buffers of the vertical stack in a single pass over the receptive field above."""
        if row == 0:
            return
        first = max(0, row - 1 - sum(layer.dilation for layer in self._layers))
        spatial_map = None if self._spatial_map is None else self._spatial_map[:, :, first:row]
        embedded = self._network.embedding(codes[:, first:row]).permute(0, 3, 1, 2)
        vertical = self._network.vertical(embedded)
        for number, (layer, packed) in enumerate(zip(self._network.gated_layers, self._layers, strict=True)):
            if number:
                vertical = gate(vertical)
            for past in range(max(first, row - packed.dilation), row):
                packed.keep_row(past, vertical[:, :, past - first].permute(2, 0, 1))
            vertical = layer.vertical(vertical)
            bias = layer.condition_bias(self._condition, spatial_map, len(vertical))
            if bias is not None:
                vertical = vertical + bias

    def _start_row(self, row: int, codes: Tensor) -> None:
        """Computes a row of the vertical stack, and its input to the horizontal stack."""
        if row:
            self._above[1:-1] = codes[:, row - 1].t()
        width, batch = self.line.shape
        sides = [self._above] if self._network.mirror_stem is None else [self._above, self._above.flip(0)]
        taps = torch.stack([side[tap : tap + width] for side in sides for tap in range(3)], dim=-1)
        taps = (taps + self._above_offsets).flatten(0, 1)
        vertical = F.embedding_bag(taps, self._above_tables, mode="sum")  # (w * B, C)
        spatial_map = None
        if self._spatial_map is not None:
            spatial_map = self._spatial_map[:, :, row].permute(2, 0, 1)  # (w, B or 1, C)
        for number, layer in enumerate(self._layers):
            if number:
                vertical = gate(vertical)
            layer.keep_row(row, vertical.view(width, batch, -1))
            vertical = layer.start_row(row, spatial_map)  # (w * B, 2C)

    def advance(self, start: int, stop: int) -> Tensor:
        """Computes the horizontal stack for cells start to stop - 1: logits (B, K) of the last."""
        if stop - start > 1:
            views = _CacheViews(self._layers, self._outputs, self._row_cells, start, stop)
        elif start in self._views:
            views = self._views[start]
        else:
            views = self._views[start] = _CacheViews(
                self._layers, self._outputs, self._row_cells, start, stop
            )
        return torch.addmm(self._head_bias, F.elu(views.forward()), self._head)

    def _finish_row(self, start: int) -> None:
        """Does nothing: rows below depend on codes only, through the vertical stack."""


class _RowCells:
    """The input of the horizontal stack as a sum of table rows, one for each cell that an output cell sees.

    Args:
        network: the prior.
        embedding: (K + 1, E), the last row for outside.
        left: (w + 1, B) codes of the row, after one of outside; at a fixed address.
    """

    def __init__(self, network: GatedPixelCNN, embedding: Tensor, left: Tensor) -> None:
        beside = network.horizontal_stem.taps
        tables = [embedding @ beside.weight[:, :, 0, 0].t() + bias_of(beside)]
        places = [torch.arange(len(left) - 1)]  # of the cell to the left
        if network.mirror_stem is not None:
            taps = network.mirror_stem.taps.weight[:, :, 0, 0].chunk(MIRROR_TAPS, dim=1)
            tables += [embedding @ tap.t() for tap in taps]
            places += [*(mirror_columns(len(left) - 1) + 1)]  # 0 is outside
        self._left = left
        self._tables = torch.cat(tables)
        self._places = torch.stack(places, dim=1).to(left.device)  # (w, cells seen)
        self._offsets = torch.arange(len(tables), device=left.device)[:, None] * len(embedding)

    @property
    def batch(self) -> int:
        """Images, B."""
        return self._left.shape[1]

    def compute(self, start: int, stop: int, out: Tensor) -> None:
        """Writes the input of cells start to stop - 1 into `out` ((stop - start) * B, C)."""
        if len(self._offsets) == 1:
            torch.index_select(self._tables, 0, self._left[start:stop].flatten(), out=out)
            return
        codes = self._left[self._places[start:stop]] + self._offsets  # (cells, cells seen, B)
        out.copy_(F.embedding_bag(codes.transpose(1, 2).flatten(0, 1), self._tables, mode="sum"))


class _CacheViews:
    """Views of the caches for adjacent cells, created once, so that sampling does not slice tensors."""

    def __init__(
        self, layers: list[CachedGatedLayer], outputs: list[Tensor], row: _RowCells, start: int, stop: int
    ) -> None:
        self._row, self._start, self._stop = row, start, stop
        first = layers[0]
        self._first = first.history[start + first.dilation : stop + first.dilation].flatten(0, 1)
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

    def forward(self) -> Tensor:
        """Computes the horizontal features (B, C) of the last layer at the last cell."""
        self._row.compute(self._start, self._stop, self._first)
        for given, past, before, present, at, out, output in self._layers:
            torch.addmm(given, past, before, out=self._features)
            self._features.addmm_(present, at).tanh_()
            torch.addcmul(self._values, self._values, self._gates, out=self._gated)
            torch.addmm(present, self._gated, out, out=output)
        return output[-self._row.batch :]
