"""The tokenizer's decoder in exact arithmetic: near the float decoder, for every layer that recipes have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from scanvq.codec.errors import CodecError
from scanvq.codec.exact_decoder import ExactDecoder
from scanvq.quantizers import MovingAverageQuantizer, NearestQuantizer
from scanvq.tokenizers import VQVAE, VQVAE2

K = 12


def vqvae(**changes: Any) -> VQVAE:
    torch.manual_seed(0)
    given = {"quantizer": MovingAverageQuantizer(codebook_size=K, code_dim=6), "channels": (8, 12)}
    tokenizer = VQVAE(**given | {"residual_channels": 4, "input_mean": 0.4, "input_std": 0.3} | changes)
    with torch.no_grad():
        tokenizer(torch.rand(8, 1, 16, 16))  # sets running statistics
        for name, buffer in tokenizer.named_buffers():
            if "codebook" in name:
                buffer.copy_(torch.randn(buffer.shape))
    return tokenizer.eval()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"norm": "batch"},
        {"upsample": "shuffle"},
        {"upsample": "nearest", "output": "convolution"},
        {"upsample_kernel": 3},
        {"upsample_kernel": 2, "residual_blocks": 0},
        {"quantizer": NearestQuantizer(codebook_size=K, code_dim=6)},
    ],
    ids=str,
)
def test_images_are_near_those_of_the_float_decoder(changes: dict[str, Any]) -> None:
    tokenizer = vqvae(**changes)
    codes = np.random.default_rng(0).integers(0, K, (5, 6, 4))
    with torch.no_grad():
        expected = tokenizer.decode((torch.from_numpy(codes),))[:, 0].clamp(0, 1).numpy()
    found = ExactDecoder(tokenizer).decode(codes)
    assert found.shape == (5, 24, 16)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert np.array_equal(found[1:2], ExactDecoder(tokenizer).decode(codes[1:2]))


def test_other_tokenizers_are_refused() -> None:
    with pytest.raises(CodecError, match="without the layer GroupNorm"):
        ExactDecoder(vqvae(norm="group"))
    quantizers = [MovingAverageQuantizer(codebook_size=K, code_dim=4) for _ in range(2)]
    with pytest.raises(CodecError, match="one level of codes; this one has 2"):
        ExactDecoder(VQVAE2(quantizers=quantizers, channels=(4, 8)))
