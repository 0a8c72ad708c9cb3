"""Sampling time: from caches, and with the network run again for every cell.

Gated PixelCNN (report 004) and PixelCNN (report 002) on grids of 32x32 and 64x64, both levels of a VQ-VAE-2
(report 000), the transformer and MaskGIT on 256 and 1,024 codes; untrained, since time does not depend on
the weights. "Plain" is one forward pass of the same network, measured, times the number of cells; where it
is also run whole it must give the same codes. MONAI samples its transformer by `VQVAETransformerInferer`.
The transformer's floor is one pass of one token through the same matrices, without attention, times the
tokens. On a CUDA device ScanVQ records a row of cells, or a cell of the transformer, as a CUDA graph.
Cached and plain sampling round differently there, so the share of equal codes is shown; on a CPU all must
be equal.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.measuring import Work, turns
from benchmarks.peers import absent, left_out
from benchmarks.record import Row, Setup
from scanvq.build import TABLES, make_prior
from scanvq.conditions.space import ConditionSpace
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.recipe.reading import read_recipe
from scanvq.sampling.raster import sample_raster
from scanvq.spec import complete_part
from scanvq.types import UNKNOWN, CodePrior, Codes, SamplingParams

OURS, PASSES, WHOLE = "scanvq", "plain: one pass x cells", "plain, run whole"
TRANSFORMER, MASKGIT = "scanvq transformer", "scanvq MaskGIT, 12 steps"
MONAI, TOKENS = "MONAI VQVAETransformerInferer", "floor: one-token pass x cells"
LAYERS, HEADS, WIDTH, CODES, MASKGIT_STEPS = 6, 8, 256, 256, 12


@dataclass(frozen=True, kw_only=True)
class Case:
    """A prior over grids of codes, coarse to fine, sampled a batch at a time."""

    name: str
    prior: Mapping[str, Any]
    sizes: tuple[int, ...]
    shapes: tuple[tuple[int, int], ...]
    batch: int
    repeats: int = 5
    whole: bool = False
    wanted: Mapping[str, float] = field(default_factory=dict)

    @property
    def reported(self) -> str:
        grids = " + ".join(f"{height}x{width}" for height, width in self.shapes)
        return f"{self.name}, {grids} codes, batch {self.batch}"


def rows(setup: Setup) -> Iterator[Row]:
    for case in (*_pixelcnns(setup.short), *_hierarchies(setup.short)):
        yield _row(case, setup)
    yield from _transformers(setup)


def _pixelcnns(short: bool) -> list[Case]:
    small, large = (6, 8) if short else (32, 64)
    gated = read_recipe("oasis-vqvae-gated-pixelcnn").prior
    pixelcnn = read_recipe("adni-vqvae-pixelcnn").prior
    return [
        Case(
            name=name,
            prior=spec,
            sizes=(codes,),
            shapes=((side, side),),
            batch=4,
            repeats=2 if short else 5,
            whole=side == small,
            wanted={PASSES: wanted} if wanted else {},
        )
        for name, spec, codes, by_side in (
            ("gated PixelCNN, report 004", gated, 256, {small: 80.0, large: 400.0}),
            ("PixelCNN, report 002", pixelcnn, 64, {small: None, large: None}),
        )
        for side, wanted in by_side.items()
    ]


def _hierarchies(short: bool) -> list[Case]:
    recipe = read_recipe("hipmri-vqvae2")
    sizes = tuple(one["codebook_size"] for one in recipe.tokenizer["quantizers"])
    shapes = ((4, 2), (8, 4)) if short else ((32, 16), (64, 32))
    return [Case(name="two levels, hipmri-vqvae2", prior=recipe.prior, sizes=sizes, shapes=shapes, batch=4)]


def _row(case: Case, setup: Setup) -> Row:
    prior, sample = _prior(case, setup)
    grids = tuple(torch.zeros(case.batch, *shape, dtype=torch.int64) for shape in case.shapes)
    codes = tuple(grid.to(setup.device) for grid in grids)
    cells = {f"pass of level {number}": grid[0].numel() for number, grid in enumerate(codes)}
    with torch.inference_mode():
        passes = {name: _pass(prior.priors[number], codes, number) for number, name in enumerate(cells)}
        measured = turns({OURS: sample, **passes}, repeats=setup.limited(case.repeats), device=setup.device)
        whole: list[float] = []
        equal: dict[str, float] = {}
        if case.whole:
            drawn: list[Tensor] = []
            plain = {WHOLE: lambda: drawn.append(_whole(prior, case, setup))}
            whole = turns(plain, repeats=1, device=setup.device, warm=False)[WHOLE]
            equal["codes equal to the plain ones, %"] = 100 * (drawn[0] == sample()[0]).double().mean().item()
            if setup.device.type == "cpu" and not torch.equal(drawn[0], sample()[0]):
                raise AssertionError(f"{case.reported}: cached and plain codes differ")
    turn = zip(*(measured[name] for name in passes), strict=True)
    summed = [sum(one * cells[name] for one, name in zip(seen, passes, strict=True)) for seen in turn]
    return Row(
        case=case.reported,
        seconds={OURS: measured[OURS], PASSES: summed, WHOLE: whole},
        ours=OURS,
        wanted=case.wanted,
        facts={
            f"seconds of one {name}, {many:,} cells": statistics.median(measured[name])
            for name, many in cells.items()
        }
        | (equal if setup.device.type != "cpu" else {}),
    )


def _prior(case: Case, setup: Setup) -> tuple[HierarchicalPrior, Any]:
    """An untrained prior, and the work of one batch of samples."""
    torch.manual_seed(0)
    spec = complete_part(CodePrior, case.prior, where="prior", tables=TABLES)
    prior = make_prior(spec, codebook_sizes=case.sizes, code_shapes=case.shapes, conditions=ConditionSpace())
    prior.to(setup.device).eval()
    known = tuple(torch.full((case.batch, *shape), UNKNOWN, device=setup.device) for shape in case.shapes)

    def sample() -> Codes:
        with torch.inference_mode():
            return prior.sample(known, params=SamplingParams(), generator=torch.Generator().manual_seed(0))

    return prior, sample


def _pass(level: CodePrior, codes: Codes, number: int) -> Work:
    return lambda: level.logits(codes[number], context=codes[:number])


def _whole(prior: HierarchicalPrior, case: Case, setup: Setup) -> Tensor:
    (level,) = prior.priors
    known = torch.full((case.batch, *case.shapes[0]), UNKNOWN, device=setup.device)
    return sample_raster(
        level.logits, known, params=SamplingParams(), generator=torch.Generator().manual_seed(0)
    )


def _transformers(setup: Setup) -> Iterator[Row]:
    """The priors over all codes at once, MONAI's transformer, and the floor."""
    aims = {(16, 1): 4.0, (16, 4): 9.0, (32, 1): 12.0, (32, 4): 30.0}
    shapes = [(4, 1)] if setup.short else [(side, batch) for side in (16, 32) for batch in (1, 4, 16)]
    for side, batch in shapes:
        yield _transformer(side, batch, aims.get((side, batch)), setup)


def _transformer(side: int, batch: int, aim: float | None, setup: Setup) -> Row:
    network = {"layers": LAYERS, "heads": HEADS, "channels": WIDTH}
    specs = {TRANSFORMER: {"kind": "transformer", **network}}
    specs[MASKGIT] = {"kind": "maskgit", **network, "steps": MASKGIT_STEPS}
    work: dict[str, Work] = {}
    for name, spec in specs.items():
        case = Case(name=name, prior=spec, sizes=(CODES,), shapes=((side, side),), batch=batch)
        work[name] = _prior(case, setup)[1]
    work[TOKENS] = _one_token(batch, setup)
    measured = turns(work, repeats=setup.limited(2 if setup.short else 3), device=setup.device)
    peer: dict[str, list[float]] = {MONAI: []}
    missing = absent("monai")
    if not missing and side * side * batch < 16 * 1024:  # 1,024 codes for a batch of 16 take it many minutes
        whole = {MONAI: _monai(side, batch, setup)}
        peer = turns(whole, repeats=2 if side < 32 else 1, device=setup.device, warm=setup.short)
    return Row(
        case=f"{LAYERS} layers x {WIDTH}, {side}x{side} codes, batch {batch}",
        seconds={**measured, **peer},
        ours=TRANSFORMER,
        times={TOKENS: side * side},
        wanted={} if aim is None else {MONAI: aim},
        notes=left_out(missing),
    )


def _monai(side: int, batch: int, setup: Setup) -> Work:
    from monai.inferers import VQVAETransformerInferer
    from monai.networks.nets import DecoderOnlyTransformer
    from monai.utils import Ordering, OrderingType

    network = DecoderOnlyTransformer(
        num_tokens=CODES + 1,
        max_seq_len=side * side,
        attn_layers_dim=WIDTH,
        attn_layers_depth=LAYERS,
        attn_layers_heads=HEADS,
    )
    network.to(setup.device).eval()
    ordering = Ordering(OrderingType.RASTER_SCAN, spatial_dims=2, dimensions=(1, side, side))
    start = torch.full((batch, 1), CODES, device=setup.device)

    def sample() -> Tensor:
        return VQVAETransformerInferer().sample(
            (side, side), start, _Codes(), network, ordering, verbose=False
        )

    return sample


class _Codes(nn.Module):
    """Stands for the VQVAE that the inferer decodes with: the codes themselves come out."""

    num_embeddings = CODES

    def decode_samples(self, codes: Tensor) -> Tensor:
        return codes


def _one_token(batch: int, setup: Setup) -> Work:
    """One token through the layers' matrices, and no attention: what no cached sampler goes below."""
    shapes = [(3 * WIDTH, WIDTH), (WIDTH, WIDTH), (4 * WIDTH, WIDTH), (WIDTH, 4 * WIDTH)]
    matrices = [[torch.randn(shape, device=setup.device) / 16 for shape in shapes] for _ in range(LAYERS)]
    head = torch.randn(CODES, WIDTH, device=setup.device)
    token = torch.randn(batch, WIDTH, device=setup.device)

    def work() -> Tensor:
        with torch.inference_mode():
            x = token
            for to_all, out, wider, narrower in matrices:
                inner = F.layer_norm(x, (WIDTH,))
                x = x + F.linear(F.linear(inner, to_all)[:, :WIDTH], out)
                x = x + F.linear(F.gelu(F.linear(F.layer_norm(x, (WIDTH,)), wider)), narrower)
            return F.linear(F.layer_norm(x, (WIDTH,)), head).softmax(1).multinomial(1)

    return work
