"""The doctor restarts what does nothing, says so, and leaves the healthy alone."""

from __future__ import annotations

import pytest
import torch

from scanvq.quantizers import MovingAverageQuantizer, NearestQuantizer
from scanvq.tokenizers import VQVAE, VQVAE2
from scanvq.training.codebook_doctor import CodebookDoctor
from scanvq.types import Quantizer

IMAGES = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
SIZE = 16


def one_level(quantizer: Quantizer) -> VQVAE:
    torch.manual_seed(0)
    return VQVAE(quantizer=quantizer, channels=(8, 8), residual_channels=4)


def moving_average(**settings: int) -> MovingAverageQuantizer:
    return MovingAverageQuantizer(codebook_size=SIZE, code_dim=8, **settings)


def doctor(tokenizer: VQVAE | VQVAE2, said: list[str]) -> CodebookDoctor:
    return CodebookDoctor(tokenizer, cells=tuple(10_000 for _ in tokenizer.codebook_sizes), say=said.append)


def test_codes_that_do_nothing_restart_at_the_next_step() -> None:
    quantizer = moving_average()
    tokenizer, said = one_level(quantizer), list[str]()
    tokenizer.train()
    tokenizer(IMAGES)
    lost = torch.tensor([2, 5, 7, 11])
    quantizer.counts.fill_(64.0)
    quantizer.counts[lost] = 0.5
    before = quantizer.codebook[lost].clone()
    assert doctor(tokenizer, said).visit({"codes_used": 12.0}, IMAGES) == {"codes_restarted": 4.0}
    assert said == ["codebook: 12 of 16 codes in use; 4 restart from features"]
    assert torch.equal(quantizer.codebook[lost], before)  # what is saved now still decodes what it coded
    tokenizer(IMAGES)
    features = tokenizer.encoder((IMAGES - tokenizer.input_mean) / tokenizer.input_std)
    rows = features.permute(0, 2, 3, 1).reshape(-1, 8)
    distances = torch.cdist(quantizer.codebook[lost], rows).min(dim=1).values
    assert distances.max() < rows.std()  # a feature of the batch, or the mean of those that chose it


def test_the_healthy_and_the_unjudged_are_left_alone() -> None:
    tokenizer, said = one_level(moving_average()), list[str]()
    assert doctor(tokenizer, said).visit({"codes_used": 13.0}, IMAGES) == {}
    few = CodebookDoctor(tokenizer, cells=(10 * SIZE - 1,), say=said.append)
    assert few.visit({"codes_used": 1.0}, IMAGES) == {}
    assert said == []


@pytest.mark.parametrize(
    "quantizer",
    [NearestQuantizer(codebook_size=SIZE, code_dim=8), moving_average(restart_after=0), moving_average()],
    ids=["gradient", "told never to restart", "not begun"],
)
def test_what_cannot_restart_is_said(quantizer: Quantizer) -> None:
    said: list[str] = []
    found = doctor(one_level(quantizer), said).visit({"codes_used": 3.0}, IMAGES)
    assert found == {"codes_restarted": 0.0}
    assert said == ["codebook: 3 of 16 codes in use; this quantizer cannot restart them"]


def test_a_top_level_that_says_nothing_is_reported() -> None:
    torch.manual_seed(0)
    tokenizer = VQVAE2(quantizers=[moving_average(), moving_average()], channels=(8, 8), residual_channels=4)
    tokenizer.train()
    shades = torch.linspace(0, 1, 4).view(4, 1, 1, 1).expand_as(IMAGES) * IMAGES
    for _ in range(3):
        tokenizer(shades)
    tokenizer.eval()
    values = {"codes_used_0": 16.0, "codes_used_1": 16.0}
    said: list[str] = []
    with torch.no_grad():
        live = doctor(tokenizer, said).visit(values, shades)
        tokenizer.quantizers[0].codebook.zero_()  # type: ignore[union-attr, operator]
        dead = doctor(tokenizer, said).visit(values, shades)
    assert dead == {"worth_0": 0.0}
    assert said[-1].startswith("level 0 says next to nothing")
    assert live["worth_0"] != 0.0
