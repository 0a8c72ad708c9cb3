"""A residual quantizer with two levels works in every part that takes quantizers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from scanvq.build import TABLES, make_objective, make_prior, make_tokenizer
from scanvq.conditions.space import ConditionSpace
from scanvq.quantizers import MovingAverageQuantizer
from scanvq.spec import complete_part
from scanvq.tokenizers import VQVAE, VQVAE2
from scanvq.training.codebook_monitor import CodebookMonitor
from scanvq.training.engine import Engine
from scanvq.types import (
    UNKNOWN,
    Batch,
    CodePrior,
    Codes,
    Losses,
    Objective,
    Quantized,
    Quantizer,
    SamplingParams,
    Tokenizer,
)

SIZE, DIM = 16, 8


class ResidualQuantizer(Quantizer):
    """Each stage quantizes what the stages before it leave over (arXiv 2107.03312, section III-C)."""

    def __init__(self, *, codebook_size: int = SIZE, code_dim: int = DIM, stages: int = 2) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            MovingAverageQuantizer(codebook_size=codebook_size, code_dim=code_dim) for _ in range(stages)
        )
        self.codebook_sizes = (codebook_size,) * stages
        self.dim = code_dim

    @property
    def levels(self) -> tuple[Quantizer, ...]:
        return tuple(stage for stage in self.stages if isinstance(stage, Quantizer))

    def forward(self, features: Tensor) -> Quantized:
        total, codes, losses = None, [], {}
        for number, stage in enumerate(self.levels):
            left = features if total is None else features - total.detach()
            quantized: Quantized = stage(left)
            total = quantized.vectors if total is None else total + quantized.vectors.detach()
            codes += quantized.codes
            losses |= {f"{name}_{number}": loss for name, loss in quantized.losses.items()}
        assert total is not None
        return Quantized(vectors=total, codes=tuple(codes), losses=losses)

    def embed(self, codes: Codes) -> Tensor:
        stages = self.levels[: len(codes)]
        vectors = [stage.embed((grid,)) for stage, grid in zip(stages, codes, strict=True)]
        return sum(vectors[1:], start=vectors[0])


@pytest.fixture
def in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLES[Quantizer], "residual", ResidualQuantizer)  # type: ignore[arg-type]


def images(count: int = 8) -> Tensor:
    return torch.rand(count, 1, 32, 16, generator=torch.Generator().manual_seed(0))


def trained(tokenizer: Tokenizer, steps: int = 20) -> Tokenizer:
    """After some steps of the objective, in evaluation mode."""
    spec = complete_part(Objective, {"kind": "reconstruct", "mse": 1.0}, where="objective", tables=TABLES)
    objective = make_objective(spec, tokenizer=tokenizer).train()
    optimizer = torch.optim.Adam(tokenizer.parameters(), lr=1e-3)
    for step in range(steps):
        losses = objective(Batch(images=images()), "tokenizer", step)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    assert [counts.shape for counts in losses.counts] == [(size,) for size in tokenizer.codebook_sizes]
    return tokenizer.eval()


def one_grid() -> Tokenizer:
    torch.manual_seed(0)
    return VQVAE(quantizer=ResidualQuantizer(), channels=(8, 8), residual_channels=4)


def test_embedded_codes_equal_the_vectors() -> None:
    quantizer = ResidualQuantizer()
    features = torch.randn(3, DIM, 5, 4, generator=torch.Generator().manual_seed(1))
    for _ in range(5):
        quantizer(features)
    quantized = quantizer.eval()(features)
    assert torch.equal(quantizer.embed(quantized.codes), quantized.vectors)
    errors = [(quantizer.embed(quantized.codes[:stages]) - features).square().mean() for stages in (1, 2)]
    assert errors[1] < errors[0]


def test_a_tokenizer_has_its_levels() -> None:
    tokenizer = trained(one_grid())
    codes = tokenizer.encode(images())
    assert tokenizer.codebook_sizes == (SIZE, SIZE)
    assert tokenizer.code_dims == (DIM, DIM)
    assert tokenizer.code_shapes(32, 16) == ((8, 4), (8, 4))
    assert [tuple(grid.shape) for grid in codes] == [(8, 8, 4), (8, 8, 4)]
    assert [tuple(book.shape) for book in tokenizer.codebooks()] == [(SIZE, DIM), (SIZE, DIM)]
    rebuilt = tokenizer.decode(codes)
    torch.testing.assert_close(rebuilt, tokenizer(images()).images)
    coarsest = tokenizer.decode_coarsest(codes[:1])
    assert coarsest is not None
    assert not torch.equal(coarsest, rebuilt)
    with pytest.raises(ValueError, match="1 levels; this tokenizer has 2"):
        tokenizer.decode(codes[:1])


def test_it_can_be_combined_with_other_quantizers_in_a_hierarchy() -> None:
    torch.manual_seed(0)
    quantizers: list[Quantizer] = [
        ResidualQuantizer(),
        MovingAverageQuantizer(codebook_size=32, code_dim=4),
    ]
    tokenizer = trained(VQVAE2(quantizers=quantizers, channels=(8, 8), residual_channels=4), steps=2)
    codes = tokenizer.encode(images())
    assert tokenizer.codebook_sizes == (SIZE, SIZE, 32)
    assert tokenizer.code_shapes(32, 16) == ((4, 2), (4, 2), (8, 4))
    assert tuple(tuple(grid.shape[1:]) for grid in codes) == tokenizer.code_shapes(32, 16)
    torch.testing.assert_close(tokenizer.decode(codes), tokenizer(images()).images)
    pictures = [tokenizer.decode_coarsest(codes[:levels]) for levels in (1, 2)]
    assert all(picture is not None and picture.shape == images().shape for picture in pictures)


@pytest.mark.usefixtures("in_the_table")
def test_it_can_be_named_in_a_recipe_and_a_prior_learns_its_levels() -> None:
    torch.manual_seed(0)
    given = {"kind": "vqvae", "quantizer": {"kind": "residual", "codebook_size": SIZE, "code_dim": DIM}}
    spec = complete_part(Tokenizer, {**given, "channels": (8, 8)}, where="tokenizer", tables=TABLES)
    tokenizer = trained(make_tokenizer({**spec, "input_mean": 0.5, "input_std": 0.3}), steps=2)
    level = {"kind": "gated_pixelcnn", "channels": 8, "dilations": (1,), "embedding_dim": 4}
    one = complete_part(CodePrior, level, where="prior", tables=TABLES)
    shapes = tokenizer.code_shapes(32, 16)
    prior = make_prior(
        {"kind": "hierarchical", "levels": [one, one]},
        codebook_sizes=tokenizer.codebook_sizes,
        code_shapes=shapes,
        code_dims=tokenizer.code_dims,
        conditions=ConditionSpace(),
    )
    prior.set_codebook(tokenizer.codebooks())
    spec = complete_part(Objective, {"kind": "next_code"}, where="objective", tables=TABLES)
    make_objective(spec, prior=prior)(Batch(codes=tokenizer.encode(images())), "prior", 0).total.backward()
    known = tuple(torch.full((2, *shape), UNKNOWN) for shape in shapes)
    sampled = prior.eval().sample(known, params=SamplingParams(), generator=torch.Generator().manual_seed(0))
    assert tokenizer.decode(sampled).shape == (2, 1, 32, 16)


def test_each_level_has_its_codebook_monitored() -> None:
    tokenizer = trained(one_grid(), steps=1)
    said: list[str] = []
    monitor = CodebookMonitor(
        tokenizer,
        cells=(10 * SIZE, 10 * SIZE),
        images=images,
        adjusts=True,
        engine=Engine(device="cpu"),
        info=said.append,
    )
    even = torch.full((SIZE,), 100)
    uneven = even.clone()
    uneven[: SIZE // 2] = 0
    monitor.after_step(Losses(total=torch.tensor(0.0), counts=(even, uneven)))
    values = {"codes_used_0": 16.0, "perplexity_0": 16.0, "codes_used_1": 8.0, "perplexity_1": 8.0}
    with torch.no_grad():
        found = monitor.after_validation(values, final=False)
    assert found["codes_restarted_1"] == SIZE // 2
    assert "codes_restarted_0" not in found
    first, second = tokenizer.levels
    assert isinstance(first, MovingAverageQuantizer)
    assert isinstance(second, MovingAverageQuantizer)
    assert (first.counts > 0).all()
    assert (second.counts == 0).sum() == SIZE // 2
