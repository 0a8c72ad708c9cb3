"""Encoding and decoding: codes do not depend on the batch or the source of an image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scanvq.build import make_tokenizer
from scanvq.model import coder as module
from scanvq.model.coder import Coder, stored_type
from scanvq.nn.precision import CANDIDATES, Precision
from scanvq.recipe.reading import read_recipe
from scanvq.types import Tokenizer

CPU = torch.device("cpu")


def images(count: int, height: int = 16, width: int = 24) -> torch.Tensor:
    return torch.rand(count, 1, height, width, generator=torch.Generator().manual_seed(0))


def trained(name: str) -> Tokenizer:
    """A recipe's tokenizer whose codebooks have started from data."""
    torch.manual_seed(0)
    tokenizer = make_tokenizer(read_recipe(name).tokenizer).train()
    tokenizer(images(8, 64, 64))
    return tokenizer.eval()


@pytest.mark.parametrize("precision", CANDIDATES, ids=str)
@pytest.mark.parametrize("name", ["tiny", "demo", "hipmri-vqvae2"])
def test_codes_do_not_depend_on_the_batch(name: str, precision: Precision) -> None:
    coder = Coder(trained(name), precision=precision, device=CPU)
    given = images(32, 64, 64)
    whole = coder.encode(given)
    assert len(whole[0].unique()) > 1
    for size in (1, 3, 16):
        parts = [coder.encode(batch) for batch in given.split(size)]
        for level, expected in enumerate(whole):
            assert torch.equal(torch.cat([codes[level] for codes in parts]), expected)


def test_encoding_is_in_the_precision_of_the_tokenizer() -> None:
    """In bf16 some near ties fall to another code, so the two must not be mixed."""
    given = images(16, 64, 64)
    fp32, bf16 = (
        Coder(trained("demo"), precision=Precision(autocast=autocast, channels_last=True), device=CPU)
        for autocast in ("fp32", "bf16")
    )
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        parts = [bf16.tokenizer.encode(batch)[0] for batch in given.split(module.BATCH)]
    assert torch.equal(bf16.encode(given)[0], torch.cat(parts))
    assert not torch.equal(fp32.encode(given)[0], torch.cat(parts))


def test_decoded_images_do_not_depend_on_the_batch(coder: Coder, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = coder.encode(images(5))
    decoded = coder.decode(codes)
    monkeypatch.setattr(module, "BATCH", 2)
    torch.testing.assert_close(coder.decode(codes), decoded)


def test_codes_can_be_saved_by_autograd(coder: Coder) -> None:
    assert not any(level.is_inference() for level in coder.encode(images(3)))


@pytest.mark.parametrize("code", [-1, 16])
def test_codes_outside_the_codebook_are_refused(coder: Coder, code: int) -> None:
    codes = torch.zeros(1, 4, 6, dtype=torch.int64)
    codes[0, 0, 0] = code
    with pytest.raises(ValueError, match=r"codes of level 0 run from .*codebook has 0 to 15"):
        coder.decode((codes,))


def test_another_number_of_levels_is_refused(coder: Coder) -> None:
    codes = torch.zeros(1, 4, 6, dtype=torch.int64)
    with pytest.raises(ValueError, match="codes have 2 levels; this tokenizer has 1"):
        coder.decode((codes, codes))


@pytest.mark.parametrize(
    ("size", "expected"),
    [(2, np.uint8), (256, np.uint8), (257, np.uint16), (65_536, np.uint16), (65_537, np.uint32)],
)
def test_every_code_fits_its_stored_type(size: int, expected: type[np.unsignedinteger]) -> None:
    assert np.dtype(stored_type(size)) == expected
    assert np.array(size - 1).astype(stored_type(size)) == size - 1
