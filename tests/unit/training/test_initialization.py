"""Weights of another model, whose images may have another size."""

from __future__ import annotations

import pytest
import torch

from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.storage.weights import WeightsError
from scanvq.training.initialization import load_pretrained


def prior(height: int, width: int, channels: int = 8) -> GatedPixelCNN:
    return GatedPixelCNN(
        channels=channels,
        dilations=(1,),
        embedding_dim=4,
        codebook_size=5,
        positions=True,
        height=height,
        width=width,
    )


def test_positions_are_resampled_to_another_grid() -> None:
    theirs, own = prior(8, 6), prior(4, 9)
    assert theirs.spatial is not None
    assert own.spatial is not None
    with torch.no_grad():
        theirs.spatial.rows.copy_(torch.arange(8.0)[None, :, None].expand(8, 8, 1))
    load_pretrained(own, theirs, "prior")
    assert own.spatial.rows[0, :, 0].tolist() == [0.5, 2.5, 4.5, 6.5]
    assert own.spatial.columns.shape == (8, 1, 9)
    assert torch.equal(own.embedding.weight, theirs.embedding.weight)


def test_an_equal_grid_is_copied_exactly_and_other_settings_are_refused() -> None:
    theirs, own = prior(4, 6), prior(4, 6)
    load_pretrained(own, theirs, "prior")
    assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in own.state_dict().items())
    with pytest.raises(WeightsError, match="prior does not fit this recipe"):
        load_pretrained(prior(4, 6, channels=9), theirs, "prior")
