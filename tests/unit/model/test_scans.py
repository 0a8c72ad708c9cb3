"""Whole scans through the tokenizer and back, batch by batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scanvq.imaging.formats import Scan
from scanvq.imaging.preparation import Preparation
from scanvq.model import coding
from scanvq.model.coding import decode, encode
from scanvq.model.scans import prepare_scan, reconstruct_scan, restore_scan
from scanvq.tokenizers import VQVAE

CPU = torch.device("cpu")


def some_scan(slices: int = 3) -> Scan:
    pixels = np.random.default_rng(0).integers(-500, 1500, (slices, 14, 20), dtype=np.int16)
    return Scan(slices=pixels, properties={"spacing": 2})


def test_preparing_and_restoring_is_exact(preparation: Preparation) -> None:
    scan = some_scan()
    images = prepare_scan(scan, preparation)
    assert images.shape == (3, 1, 16, 24)
    assert images.min() >= 0
    assert images.max() <= 1
    again = restore_scan(images, scan, preparation)
    assert np.array_equal(again.slices, scan.slices)
    assert again.properties == scan.properties


def test_a_reconstruction_has_the_size_and_type_of_the_scan(
    tokenizer: VQVAE, preparation: Preparation
) -> None:
    scan = some_scan()
    rebuilt, images, codes, decoded = reconstruct_scan(tokenizer, scan, preparation, device=CPU)
    assert (rebuilt.slices.shape, rebuilt.slices.dtype) == (scan.slices.shape, scan.slices.dtype)
    assert rebuilt.slices.min() >= scan.slices.min()
    assert rebuilt.slices.max() <= scan.slices.max()
    assert torch.equal(decode(tokenizer, codes, device=CPU), decoded)
    assert torch.equal(encode(tokenizer, images, device=CPU)[0], codes[0])


def test_batches_do_not_matter(tokenizer: VQVAE, monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.rand(5, 1, 16, 24, generator=torch.Generator().manual_seed(0))
    (codes,) = encode(tokenizer, images, device=CPU)
    decoded = decode(tokenizer, (codes,), device=CPU)
    monkeypatch.setattr(coding, "BATCH", 2)
    assert torch.equal(encode(tokenizer, images, device=CPU)[0], codes)
    torch.testing.assert_close(decode(tokenizer, (codes,), device=CPU), decoded)


@pytest.mark.parametrize("code", [-1, 16])
def test_codes_that_the_codebook_does_not_have(tokenizer: VQVAE, code: int) -> None:
    codes = torch.zeros(1, 4, 6, dtype=torch.int64)
    codes[0, 0, 0] = code
    with pytest.raises(ValueError, match=r"codes of level 0 run from .*codebook has 0 to 15"):
        decode(tokenizer, (codes,), device=CPU)
