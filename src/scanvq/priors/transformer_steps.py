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
        logits = self._head(self._norm(features[:, -1]))  # (R, K)
        if self._guidance == 1:
            return logits
        conditional, unconditional = logits.chunk(2)
        return guided(conditional, unconditional, self._guidance)

    def _read(self, start: int, stop: int) -> Tensor:
        """What enters the first block at a run of places: (R, m, C)."""
        features = self._given[:, start:stop].clone()
        first = max(start, 1)  # the start of the sequence reads no code
        read = self._embedding(self.codes[first - 1 : stop - 1].t())  # (B, m or m - 1, C)
        features[:, first - start :] += read if self._guidance == 1 else torch.cat([read, read])
        return features


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
        self._kept = self._mix.new_empty(2, rows, heads, places, channels // heads)  # keys, values

    def advance(self, features: Tensor, start: int, stop: int) -> None:
        """Changes the features (R, m, C) of places start to stop - 1 in place."""
        rows, run, channels = features.shape
        flat = features.view(rows * run, channels)
        mixed = torch.addmm(self._mix_bias, self._attention_norm(flat), self._mix)  # (R * m, 3C)
        split = mixed.view(rows, run, *self._split).permute(2, 0, 3, 1, 4)  # (3, R, heads, m, C / heads)
        self._kept[:, :, :, start:stop] = split[1:]
        keys, values = self._kept[:, :, :, :stop].unbind(0)
        mask = None
        if run > 1:  # place i of the run sees all before the run, and the run up to itself
            mask = torch.ones(run, stop, dtype=torch.bool, device=features.device).tril(start)
        attended = F.scaled_dot_product_attention(split[0], keys, values, attn_mask=mask)
        flat.addmm_(attended.transpose(1, 2).reshape(rows * run, channels), self._attention_out)
        hidden = F.gelu(torch.addmm(self._hidden_bias, self._hidden_norm(flat), self._hidden))  # (R * m, 4C)
        flat.addmm_(hidden, self._hidden_out)


def _matrix(linear: nn.Linear) -> Tensor:
    return linear.weight.t().contiguous()
