"""Created images by either decoder: seeds, batches, names that do not exist, decoders of other tokenizers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from scanvq.build import TABLES, make_decoder
from scanvq.decoders.image_decoder import ImageDecoder
from scanvq.model.coder import Coder
from scanvq.model.decoders import Decoders
from scanvq.model.headers import DecoderHeader
from scanvq.model.source import ModelSource
from scanvq.model.weights import load_decoder
from scanvq.recipe.completion import complete_part
from scanvq.storage.weights import WeightsError, save_weights
from scanvq.tokenizers import VQVAE

SPEC = complete_part(ImageDecoder, "natural", where="decoder", tables=TABLES)
HEADER = DecoderHeader(id="0" * 16, spec=SPEC, recipe="tiny", tokenizer="a" * 16)


@pytest.fixture(scope="module")
def natural(tokenizer: VQVAE) -> ImageDecoder:
    torch.manual_seed(0)
    decoder = make_decoder(SPEC, tokenizer=tokenizer).eval()
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return decoder


class Source(ModelSource):
    """Has a decoder or not, and nothing else."""

    has_prior = False
    calibration = None

    def __init__(self, decoder: ImageDecoder | None) -> None:
        self.decoder = decoder

    @property
    def has_decoder(self) -> bool:
        return self.decoder is not None

    def load_prior(self):  # type: ignore[no-untyped-def]
        raise NotImplementedError

    def load_decoder(self) -> tuple[ImageDecoder, DecoderHeader]:
        assert self.decoder is not None
        return self.decoder, HEADER


@pytest.fixture
def codes() -> tuple[torch.Tensor]:
    return (torch.randint(16, (6, 4, 6), generator=torch.Generator().manual_seed(0)),)


@pytest.fixture
def decoders(natural: ImageDecoder, coder: Coder) -> Decoders:
    return Decoders(Source(natural), coder)


def test_natural_is_the_default_where_there_is_one(
    decoders: Decoders, coder: Coder, codes: tuple[torch.Tensor]
) -> None:
    faithful = decoders.decode(codes, decoder="faithful", seed=0)
    assert torch.equal(faithful, coder.decode(codes))
    assert torch.equal(decoders.decode(codes, seed=0), decoders.decode(codes, decoder="natural", seed=0))
    assert not torch.allclose(decoders.decode(codes, seed=0), faithful, atol=1e-3)
    without = Decoders(Source(None), coder)
    assert without.decoder_of() == "faithful"
    assert torch.equal(without.decode(codes, seed=0), faithful)


@pytest.mark.parametrize("count", [1, 3, 4, 5])
def test_an_image_depends_on_its_codes_and_the_seed_alone(
    decoders: Decoders, codes: tuple[torch.Tensor], count: int
) -> None:
    whole = decoders.decode(codes, seed=5)
    assert torch.equal(decoders.decode((codes[0][:count],), seed=5), whole[:count])
    assert not torch.equal(decoders.decode(codes, seed=6), whole)
    assert whole.shape == (6, 1, 16, 24)
    assert 0 <= whole.min() <= whole.max() <= 1


def test_no_codes_give_no_images(decoders: Decoders) -> None:
    assert decoders.decode((torch.zeros(0, 4, 6, dtype=torch.int64),), seed=0).shape == (0, 1, 16, 24)


def test_decoders_that_do_not_exist_are_refused(decoders: Decoders, coder: Coder) -> None:
    with pytest.raises(ValueError, match="decoder is 'sharp'; use faithful or natural"):
        decoders.decoder_of("sharp")
    with pytest.raises(ValueError, match=r"only the faithful decoder .* decoder.kind=natural"):
        Decoders(Source(None), coder).decoder_of("natural")


def test_a_weights_file_comes_back_and_is_refused_for_another_tokenizer(
    natural: ImageDecoder, tokenizer: VQVAE, tmp_path: Path
) -> None:
    file = tmp_path / "best.safetensors"
    save_weights(file, natural.state_dict(), HEADER)
    loaded, header = load_decoder(file, tokenizer=tokenizer, tokenizer_id="a" * 16)
    assert header == HEADER
    own = natural.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in loaded.state_dict().items())
    with pytest.raises(WeightsError, match=f"images of tokenizer {'a' * 16}, not of {'b' * 16}; train"):
        load_decoder(file, tokenizer=tokenizer, tokenizer_id="b" * 16)
