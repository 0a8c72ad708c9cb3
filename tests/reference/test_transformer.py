"""The transformer against PyTorch's own layers on the same weights, its inputs put together by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.priors.transformer import TransformerPrior
from scanvq.sampling.ordering import OrderName

LABELS = ConditionSpace.of_labels(("AD", "NC"))

SIZE, HEIGHT, WIDTH, CHANNELS, HEADS = 9, 4, 5, 24, 3


def reference_layers(prior: TransformerPrior) -> list[nn.TransformerEncoderLayer]:
    layers = []
    for block in prior.blocks:
        layer = nn.TransformerEncoderLayer(
            CHANNELS, HEADS, 4 * CHANNELS, dropout=0, activation="gelu", batch_first=True, norm_first=True
        ).double()
        copied = {
            "self_attn.in_proj_weight": block.queries_keys_values.weight,
            "self_attn.in_proj_bias": block.queries_keys_values.bias,
            "self_attn.out_proj.weight": block.attention_out.weight,
            "self_attn.out_proj.bias": torch.zeros(CHANNELS),
            "linear1.weight": block.hidden.weight,
            "linear1.bias": block.hidden.bias,
            "linear2.weight": block.hidden_out.weight,
            "linear2.bias": torch.zeros(CHANNELS),
            "norm1.weight": block.attention_norm.weight,
            "norm1.bias": block.attention_norm.bias,
            "norm2.weight": block.hidden_norm.weight,
            "norm2.bias": block.hidden_norm.bias,
        }
        layer.load_state_dict({name: value.detach() for name, value in copied.items()})
        layers.append(layer)
    return layers


def reference_logits(prior: TransformerPrior, codes: Tensor, label: Tensor) -> Tensor:
    """Place after place: the cell read last, where it was, and where the next one is."""
    cells = [divmod(cell, WIDTH) for cell in prior.ordering.cells.tolist()]
    assert prior.condition_embedding is not None
    inputs = []
    for place, (row, column) in enumerate(cells):
        features = (
            prior.next_rows[row]
            + prior.next_columns[column]
            + prior.condition_embedding.categories[0].weight[label]
        )
        if place == 0:
            features = features + prior.start[0]
        else:
            last_row, last_column = cells[place - 1]
            features = features + prior.last_rows[last_row] + prior.last_columns[last_column]
            features = features + prior.embedding.weight[codes[:, last_row, last_column]]
        inputs.append(features)
    features = torch.stack(inputs, dim=1)
    mask = nn.Transformer.generate_square_subsequent_mask(len(cells), dtype=torch.float64)
    for layer in reference_layers(prior):
        features = layer(features, src_mask=mask)
    normed = nn.functional.layer_norm(features, (CHANNELS,), prior.norm.weight, prior.norm.bias)
    logits = normed @ prior.head.weight.t() + prior.head.bias
    grid = logits.new_empty(len(codes), SIZE, HEIGHT, WIDTH)
    for place, (row, column) in enumerate(cells):
        grid[:, :, row, column] = logits[:, place]
    return grid


@pytest.mark.parametrize("order", ["raster", "spiral_out", "random"])
def test_logits_equal_those_of_torch_layers(order: OrderName) -> None:
    torch.manual_seed(0)
    prior = TransformerPrior(
        layers=2,
        channels=CHANNELS,
        heads=HEADS,
        order=order,
        codebook_size=SIZE,
        conditions=LABELS,
        height=HEIGHT,
        width=WIDTH,
    ).double()
    for parameter in prior.parameters():
        nn.init.normal_(parameter, std=0.5)
    codes, label = torch.randint(SIZE, (2, HEIGHT, WIDTH)), torch.tensor([0, 1])
    logits = prior.logits(codes, condition=Condition(label=label))
    torch.testing.assert_close(logits, reference_logits(prior, codes, label), rtol=1e-9, atol=1e-9)
