"""A small tokenizer with its prior, trained a little, for 16x24 images and 4x6 codes."""

from __future__ import annotations

import pytest
import torch

from scanvq.conditions.space import ConditionSpace
from scanvq.imaging.geometry import Geometry
from scanvq.imaging.intensity import Intensity
from scanvq.imaging.preparation import Preparation
from scanvq.model.coder import Coder
from scanvq.nn.precision import Precision
from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.quantizers import MovingAverageQuantizer
from scanvq.tokenizers import VQVAE

LABELS = ConditionSpace.of_labels(("AD", "NC"))

K = 16


@pytest.fixture(scope="session")
def tokenizer() -> VQVAE:
    torch.manual_seed(0)
    quantizer = MovingAverageQuantizer(codebook_size=K, code_dim=4)
    tokenizer = VQVAE(quantizer=quantizer, channels=(4, 8), residual_channels=4)
    optimizer = torch.optim.Adam(tokenizer.parameters(), lr=1e-2)
    images = torch.rand(8, 1, 4, 6).repeat_interleave(4, 2).repeat_interleave(4, 3)
    for _ in range(20):
        optimizer.zero_grad()
        (tokenizer(images).images - images).square().mean().backward()
        optimizer.step()
    return tokenizer.eval()


@pytest.fixture(scope="session")
def coder(tokenizer: VQVAE) -> Coder:
    return Coder(tokenizer, precision=Precision(), device=torch.device("cpu"))


@pytest.fixture(scope="session")
def prior() -> HierarchicalPrior:
    torch.manual_seed(0)
    level = GatedPixelCNN(channels=8, dilations=(1, 2), embedding_dim=4, codebook_size=K, conditions=LABELS)
    return HierarchicalPrior(levels=[level]).eval()


@pytest.fixture(scope="session")
def preparation() -> Preparation:
    return Preparation(geometry=Geometry(height=16, width=24), intensity=Intensity(kind="file"))
