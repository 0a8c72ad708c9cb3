"""The encoding of a run: measured once and kept; all settings give the same codes but for near ties."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from scanvq.model.coder import Coder
from scanvq.nn.precision import CANDIDATES, Precision
from scanvq.quantizers import MovingAverageQuantizer
from scanvq.store.run_data import RunData
from scanvq.tokenizers import VQVAE
from scanvq.training.stages import codes

CPU = torch.device("cpu")


class Images:
    """Random images in place of a prepared store."""

    def __init__(self, count: int) -> None:
        self.images = torch.rand(count, 1, 16, 16, generator=torch.Generator().manual_seed(count))

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, rows: Any, device: torch.device) -> tuple[torch.Tensor, None]:
        return self.images[rows].to(device), None


SPLITS = {"train": Images(40), "validation": Images(6), "test": Images(5)}


@pytest.fixture
def data() -> RunData:
    def rows(split: str) -> Any:
        return np.arange(len(SPLITS[split]))

    return cast(RunData, SimpleNamespace(dataset=SPLITS.__getitem__, rows=rows, content="these"))


@pytest.fixture
def tokenizer() -> VQVAE:
    torch.manual_seed(0)
    quantizer = MovingAverageQuantizer(codebook_size=8, code_dim=4)
    network = VQVAE(quantizer=quantizer, channels=(4, 8), residual_channels=4)
    network.train()
    network(torch.rand(4, 1, 16, 16))  # the codebook starts from data
    return network.eval()


def plan(tokenizer: VQVAE, data: RunData, file: Path, **given: Any) -> codes.Encoding:
    settings = {"mirrored": False, "precision": "auto", "device": CPU, **given}
    return codes.plan_encoding(tokenizer, data, file, **settings)


def test_the_fastest_setting_is_kept_with_the_run(
    tokenizer: VQVAE, data: RunData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = dict(zip(CANDIDATES, (3.2, 1.6, 2.4), strict=True))
    monkeypatch.setattr(codes, "measure_encoding", lambda *_: times)
    found = plan(tokenizer, data, tmp_path / "encoding.json")
    assert found.precision == Precision(channels_last=True)
    assert found.seconds == pytest.approx(1.6 / 16 * 51)
    times.clear()  # measuring again would fail
    again = plan(tokenizer, data, tmp_path / "encoding.json")
    assert again == codes.read_encoding(tmp_path / "encoding.json") == found


def test_mirrored_images_count_and_a_fixed_precision_is_used(
    tokenizer: VQVAE, data: RunData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "measure_encoding", lambda *_: dict(zip(CANDIDATES, (3, 2, 1.0), strict=True)))
    assert plan(tokenizer, data, tmp_path / "a", mirrored=True).seconds == pytest.approx(1 / 16 * 91)
    assert plan(tokenizer, data, tmp_path / "b", precision="fp32").precision.autocast == "fp32"


def test_measuring_does_not_change_the_tokenizer(tokenizer: VQVAE) -> None:
    before = {name: value.clone() for name, value in tokenizer.state_dict().items()}
    seconds = codes.measure_encoding(tokenizer, SPLITS["test"].images, CPU)
    assert tuple(seconds) == CANDIDATES
    assert min(seconds.values()) > 0
    assert all(torch.equal(value, before[name]) for name, value in tokenizer.state_dict().items())


def test_codes_are_encoded_again_only_for_another_tokenizer(
    tokenizer: VQVAE, data: RunData, tmp_path: Path
) -> None:
    encoded = 0

    def encode(name: str, precision: Precision) -> int:
        nonlocal encoded
        encoded = 0

        def count(done: int, total: int) -> None:
            nonlocal encoded
            encoded = done

        coder = Coder(tokenizer, precision=precision, device=CPU)
        codes.encode_splits(coder, name, data, tmp_path, mirrored=False, progress=count)
        return encoded

    assert [encode("one", Precision()), encode("one", Precision()), encode("two", Precision())] == [51, 0, 51]
    plain = codes.read_codes(tmp_path, "train")[0]
    assert np.array_equal(plain, tokenizer.encode(SPLITS["train"].images)[0].numpy())
    assert encode("three", CANDIDATES[-1]) == 51
    assert (codes.read_codes(tmp_path, "train")[0] == plain).mean() > 0.9  # bf16 moves near ties
