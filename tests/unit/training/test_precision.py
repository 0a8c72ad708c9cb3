"""Choosing a precision measures copies and changes nothing."""

from __future__ import annotations

import torch

from scanvq.nn.precision import CANDIDATES, Precision
from scanvq.objectives.reconstruct import Reconstruct
from scanvq.quantizers import MovingAverageQuantizer
from scanvq.tokenizers import VQVAE
from scanvq.training.precision import measure
from scanvq.types import Batch

CPU = torch.device("cpu")


def objective() -> Reconstruct:
    quantizer = MovingAverageQuantizer(codebook_size=8, code_dim=4)
    return Reconstruct(tokenizer=VQVAE(quantizer=quantizer, channels=(4, 8), residual_channels=4), mse=1.0)


def test_measuring_leaves_the_objective_as_it_was() -> None:
    one = objective()
    before = {name: value.clone() for name, value in one.state_dict().items()}
    seconds = measure(one, Batch(images=torch.rand(2, 1, 16, 16)), CPU)
    assert tuple(seconds) == CANDIDATES
    assert min(seconds.values()) > 0
    assert all(torch.equal(value, before[name]) for name, value in one.state_dict().items())
    assert all(parameter.grad is None for parameter in one.parameters())
    assert one.tokenizer.encoder[0].weight.is_contiguous()  # type: ignore[index]


def test_a_precision_says_how_a_step_computes() -> None:
    layer, images = torch.nn.Linear(2, 2), torch.zeros(1, 2)
    with Precision(autocast="bf16").context(CPU):
        assert layer(images).dtype == torch.bfloat16
    with Precision().context(CPU):
        assert layer(images).dtype == torch.float32


def test_weights_are_laid_out() -> None:
    one = objective()
    Precision(channels_last=True).lay_out(one)
    weights = one.tokenizer.decoder[0].weight  # type: ignore[index]
    assert weights.is_contiguous(memory_format=torch.channels_last)


def test_a_precision_is_kept_in_the_resume_state() -> None:
    for precision in CANDIDATES:
        assert Precision(**vars(precision)) == precision
    assert [str(precision) for precision in CANDIDATES] == [
        "fp32",
        "fp32 channels_last",
        "bf16 channels_last",
    ]
