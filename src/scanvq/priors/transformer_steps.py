"""A transformer place by place: keys and values of earlier places are kept, only what is new is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.nn.transformer_block import TransformerBlock
from scanvq.priors.guidance import guided
from scanvq.types import Condition

if TYPE_CHECKING:
    from scanvq.priors.transformer import TransformerPrior


class TransformerSteps:
    """The `OrderedSteps` of the transformer.

    Under guidance every sample has two rows in one batch of R: first all with their labels, then all without.

    Args:
        network: its weights are laid out for single places here, once.
        known: codes (B, h, w), for their shape and device.
        coarser: codes of the coarser level, where the network wants them.
        condition: the class labels.
        guidance: how far from the logits without labels; 1 = those with labels alone.
    """

    def __init__(
        self,
        network: TransformerPrior,
        known: Tensor,
        *,
        coarser: Tensor | None,
        condition: Condition | None,
        guidance: float,
    ) -> None:
        batch, places = len(known), known.shape[1] * known.shape[2]
        self.codes = known.new_zeros(places, batch)
        self.place = known.new_zeros(1)
        self._places = torch.arange(places, device=known.device)
        self._guidance = guidance
        conditions = [condition] if guidance == 1 else [condition, None]
        given = [network.given(known, coarser=coarser, condition=one) for one in conditions]
        self._given = torch.cat([one.expand(batch, -1, -1) for one in given])  # (R, n, C)
        self._embedding = network.embedding
        self._blocks = [_CachedBlock(block, len(self._given), places) for block in network.blocks]
        self._norm, self._head = network.norm, network.head

    def advance(self, start: int, stop: int) -> Tensor:
        """Goes through places start to stop - 1, all but the last known: logits (B, K) of the last."""
        features = self._read(start, stop)
        for block in self._blocks:
            block.advance(features, start, stop)
        return self._logits(features)

    def advance_at_place(self) -> Tensor:
        """Goes through `place`, which is not the first: logits (B, K), equal work at every place."""
        features = self._given.index_select(1, self.place)  # (R, 1, C)
        features += self._embed(self.codes.index_select(0, self.place - 1))
        seen = (self._places <= self.place)[None]  # (1, n)
        for block in self._blocks:
            block.advance_at(features, self.place, seen)
        return self._logits(features)

    def _read(self, start: int, stop: int) -> Tensor:
        """What enters the first block at a run of places: (R, m, C)."""
        features = self._given[:, start:stop].clone()
        first = max(start, 1)  # the start of the sequence reads no code
        features[:, first - start :] += self._embed(self.codes[first - 1 : stop - 1])
        return features

    def _embed(self, codes: Tensor) -> Tensor:
        """Codes (m, B) to what every row reads of them (R, m, C)."""
        read = self._embedding(codes.t())
        return read if self._guidance == 1 else torch.cat([read, read])

    def _logits(self, features: Tensor) -> Tensor:
        """(B, K), of the last place of a run (R, m, C)."""
        logits = self._head(self._norm(features[:, -1]))  # (R, K)
        if self._guidance == 1:
            return logits
        conditional, unconditional = logits.chunk(2)
        return guided(conditional, unconditional, self._guidance)


class _CachedBlock:
    """One block's weights as matrices (inputs, outputs), and the keys and values of all places so far."""

    def __init__(self, block: TransformerBlock, rows: int, places: int) -> None:
        self._attention_norm, self._hidden_norm = block.attention_norm, block.hidden_norm
        self._mix, self._mix_bias = _matrix(block.queries_keys_values), block.queries_keys_values.bias
        self._attention_out = _matrix(block.attention_out)
        self._hidden, self._hidden_bias = _matrix(block.hidden), block.hidden.bias
        self._hidden_out = _matrix(block.hidden_out)
        channels, heads = block.hidden.in_features, block.heads
        self._split = (3, heads, channels // heads)
        self._kept = self._mix.new_zeros(2, rows, heads, places, channels // heads)  # keys, values

    def advance(self, features: Tensor, start: int, stop: int) -> None:
        """Changes the features (R, m, C) of places start to stop - 1 in place."""
        split = self._split_heads(features)
        self._kept[:, :, :, start:stop] = split[1:]
        mask = None
        run = stop - start
        if run > 1:  # place i of the run sees all before the run, and the run up to itself
            mask = torch.ones(run, stop, dtype=torch.bool, device=features.device).tril(start)
        self._transform(features, split[0], self._kept[:, :, :, :stop], mask)

    def advance_at(self, features: Tensor, place: Tensor, seen: Tensor) -> None:
        """Changes the features (R, 1, C) of one place (1,), which sees the places `seen` (1, n), in place."""
        split = self._split_heads(features)
        self._kept.index_copy_(3, place, split[1:])
        self._transform(features, split[0], self._kept, seen)

    def _split_heads(self, features: Tensor) -> Tensor:
        """Queries, keys and values: (3, R, heads, m, C / heads)."""
        rows, run, channels = features.shape
        flat = features.view(rows * run, channels)
        mixed = torch.addmm(self._mix_bias, self._attention_norm(flat), self._mix)  # (R * m, 3C)
        return mixed.view(rows, run, *self._split).permute(2, 0, 3, 1, 4)

    def _transform(self, features: Tensor, queries: Tensor, kept: Tensor, mask: Tensor | None) -> None:
        """Attention over the kept keys and values and the hidden layer, both added to the features."""
        rows, run, channels = features.shape
        flat = features.view(rows * run, channels)
        keys, values = kept.unbind(0)
        attended = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        flat.addmm_(attended.transpose(1, 2).reshape(rows * run, channels), self._attention_out)
        hidden = F.gelu(torch.addmm(self._hidden_bias, self._hidden_norm(flat), self._hidden))  # (R * m, 4C)
        flat.addmm_(hidden, self._hidden_out)


def _matrix(linear: nn.Linear) -> Tensor:
    return linear.weight.t().contiguous()
