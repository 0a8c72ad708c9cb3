from __future__ import annotations

import torch

from scanvq.sampling.uniforms import generator_of_level, level_generators, uniform_table


def test_chunks_of_one_generator_are_rows_of_one_table() -> None:
    known = torch.zeros(7, 5, 3, dtype=torch.int64)
    whole = uniform_table(known, torch.Generator().manual_seed(9))
    generator = torch.Generator().manual_seed(9)
    chunks = [uniform_table(known[:size], generator) for size in (1, 4, 2)]
    assert torch.equal(torch.cat(chunks), whole)


def test_numbers_are_in_the_half_open_interval_in_full_precision() -> None:
    table = uniform_table(torch.zeros(4, 50, 50, dtype=torch.int64), torch.Generator().manual_seed(0))
    assert table.dtype == torch.float64
    assert table.min() >= 0
    assert table.max() < 1
    assert not torch.equal(table, table.float().double())


def test_the_default_generator_follows_the_global_seed() -> None:
    known = torch.zeros(2, 3, 3, dtype=torch.int64)
    torch.manual_seed(4)
    first = uniform_table(known, None)
    torch.manual_seed(4)
    assert torch.equal(uniform_table(known, None), first)


def test_each_level_has_its_own_stream() -> None:
    generators = level_generators(5, 3)
    numbers = {torch.rand(1, generator=one).item() for one in generators}
    assert len(numbers) == 3
    assert torch.rand(1, generator=torch.Generator().manual_seed(5)).item() in numbers
    assert generator_of_level(generators, 2) is generators[2]
    assert generator_of_level(generators[0], 2) is generators[0]
    assert generator_of_level(None, 1) is None
