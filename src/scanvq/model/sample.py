"""Sampling of codes from a prior, in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import torch

from scanvq.conditions.condition import Condition
from scanvq.model.array_checks import check_draws
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.sampling.uniforms import level_generators
from scanvq.settings import SamplingSettings
from scanvq.types import UNKNOWN, Codes, Progress, SamplingParams, Watch

BATCH = 16  # samples of a batch; the samples of a seed do not depend on it


def sampling_params(
    defaults: SamplingSettings, given: Mapping[str, float | None], *, requested: bool
) -> SamplingParams:
    """Sampling parameters: the given ones, else the defaults.

    Args:
        defaults: of a recipe.
        given: by name; None = the default.
        requested: whether a condition is requested; guidance needs one, so its default is 1 (off) without.
    """
    values = asdict(defaults)
    if not requested:
        values["guidance"] = 1.0
    return SamplingParams(**values | {name: value for name, value in given.items() if value is not None})


def sample_codes(
    prior: HierarchicalPrior,
    code_shapes: tuple[tuple[int, int], ...],
    count: int,
    *,
    condition: Condition | None,
    params: SamplingParams,
    seed: int,
    device: torch.device,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Codes:
    """Samples `count` grids of codes of every level; the result is on the CPU.

    Args:
        prior: on `device`, in evaluation mode.
        code_shapes: (h, w) of every level.
        count: number of samples.
        condition: of every sample, (count,) each, on the CPU; None = all absent.
        params: temperature, top-k, top-p.
        seed: sample i depends on the seed and on i alone, not on `count`.
        device: of the prior.
        progress: called with samples done and all.
        watch: called with the codes of all samples so far.

    Raises:
        ValueError: see `check_draws`.
    """
    check_draws(count, seed)
    known = tuple(torch.full((count, *shape), UNKNOWN) for shape in code_shapes)
    return fill_codes(
        prior,
        known,
        condition=condition,
        params=params,
        seed=seed,
        device=device,
        progress=progress,
        watch=watch,
    )


@torch.no_grad()
def fill_codes(
    prior: HierarchicalPrior,
    known: Codes,
    *,
    condition: Condition | None,
    params: SamplingParams,
    seed: int,
    device: torch.device,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Codes:
    """Samples every UNKNOWN code of `known`, (n, h, w) for each level; known codes stay unchanged.

    `condition` has n values, on the CPU.
    """
    count = len(known[0])
    generators = level_generators(seed, len(known))
    filled: list[Codes] = []

    def watch_batch(codes: Codes) -> None:
        assert watch is not None
        so_far = _joined([*filled, tuple(level.cpu() for level in codes)])
        watch(_joined([so_far, tuple(level[len(so_far[0]) :] for level in known)]))

    for start in range(0, count, BATCH):
        part = tuple(level[start : start + BATCH].to(device) for level in known)
        samples = len(part[0])
        given = None if condition is None else condition[start : start + BATCH].to(device)
        codes = prior.sample(
            part,
            condition=given,
            params=params,
            generator=generators,
            watch=None if watch is None else watch_batch,
        )
        filled.append(tuple(level.cpu() for level in codes))
        if progress is not None:
            progress(start + samples, count)
    return _joined(filled)


def _joined(batches: Sequence[Codes]) -> Codes:
    return tuple(torch.cat(level) for level in zip(*batches, strict=True))
