"""The conditions of a prior's layers in exact arithmetic: global codes, positions and coarser codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from scanvq.codec.errors import CodecError
from scanvq.codec.exact_convolution import ExactConvolution
from scanvq.codec.fixed_point import Exact, activations, added, biases, rescaled
from scanvq.codec.tables import elu
from scanvq.nn.condition_embedding import ConditionEmbedding
from scanvq.priors.spatial_condition import ContextMap, SpatialCondition

Values = Mapping[str, NDArray[np.int64]]
"""The values (B,) of categories by name; all others, and all numbers, are absent."""


class ExactEmbedding:
    """The bias of the conditions of a layer.

    Args:
        embedding: of the layer; None = no conditions.
    """

    def __init__(self, embedding: ConditionEmbedding | None) -> None:
        self._tables: list[tuple[str, int, Exact]] = []
        self._absent: Any = 0.0
        if embedding is None:
            return
        for category, table in zip(embedding.space.categories, embedding.categories, strict=True):
            assert isinstance(table, nn.Embedding)
            rows = biases(table.weight.flatten()).reshape(table.weight.shape)
            self._tables.append((category.name, category.absent, rows))
        for number in embedding.numbers:
            assert isinstance(number.absent, Tensor)
            self._absent = self._absent + biases(number.absent)

    def __call__(self, values: Values) -> Any:
        """Sums (B or 1, dim) or (dim,); 0.0 without conditions."""
        total = self._absent
        for name, absent, rows in self._tables:
            total = total + rows[values.get(name, np.array([absent]))]
        return total


class ExactSpatialMap:
    """The spatial condition of a prior, see `SpatialCondition`.

    Args:
        spatial: of the prior.
    """

    def __init__(self, spatial: SpatialCondition) -> None:
        self._places: Exact | None = None
        if spatial.grid is not None:
            rows, columns = activations(spatial.rows), activations(spatial.columns)
            self._places = elu(added(rows, columns)).transpose(1, 2, 0)[None]  # (1, h, w, C)
        self._contexts = [_ExactContext(each) for each in spatial.contexts if isinstance(each, ContextMap)]

    def __call__(self, height: int, width: int, context: Sequence[NDArray[np.int64]]) -> Exact:
        """The map as activations (h, w, B or 1, C), from the codes (B, h', w') of the coarser levels."""
        parts = [] if self._places is None else [self._places]
        parts += [level(codes, height, width) for level, codes in zip(self._contexts, context, strict=True)]
        total = parts[0]
        for part in parts[1:]:
            total = added(total, part)
        if total.shape[1:3] != (height, width):
            raise CodecError(f"the codes are {height}x{width}; this prior is for {total.shape[1:3]}")
        return np.ascontiguousarray(total.transpose(1, 2, 0, 3))


class _ExactContext:
    """See `ContextMap`."""

    def __init__(self, level: ContextMap) -> None:
        self._embedding = activations(level.embedding.weight)
        self._coarse, self._fine = ExactConvolution.of(level.coarse), ExactConvolution.of(level.fine)

    def __call__(self, codes: NDArray[np.int64], height: int, width: int) -> Exact:
        features = elu(rescaled(self._coarse(self._embedding[codes])))  # (B, h', w', C)
        down, across = height // codes.shape[1], width // codes.shape[2]
        if (down * codes.shape[1], across * codes.shape[2]) != (height, width):
            raise CodecError(f"levels of {codes.shape[1:]} and {(height, width)} codes are not supported")
        features = features.repeat(down, axis=1).repeat(across, axis=2)  # (B, h, w, C)
        return elu(rescaled(self._fine(features)))
