"""How much of a codebook is used, batch after batch."""

import pytest
import torch

from scanvq.metrics.code_usage import CodeUsage, perplexity


def test_batches_add_up() -> None:
    usage = CodeUsage(6)
    usage.add(torch.tensor([[[0, 1], [1, 3]]]))
    usage.add(torch.tensor([3, 3, 0, 1]))
    usage.add(torch.zeros(0, 4, 4, dtype=torch.int64))
    assert usage.counts.tolist() == [2, 3, 0, 3, 0, 0]
    assert usage.summary()["size"] == 6
    assert usage.summary()["used"] == 3


def test_perplexity_runs_from_one_to_the_number_of_codes() -> None:
    assert perplexity(torch.tensor([0, 9, 0])) == pytest.approx(1)
    assert perplexity(torch.full((512,), 7)) == pytest.approx(512)
    assert perplexity(torch.tensor([1, 1, 0, 0])) == pytest.approx(2)
    assert perplexity(torch.zeros(8, dtype=torch.int64)) == 0


def test_codes_outside_the_codebook_are_refused() -> None:
    usage = CodeUsage(4)
    with pytest.raises(ValueError, match="from -1 to 2; a codebook of 4 has 0 to 3"):
        usage.add(torch.tensor([-1, 2]))
    with pytest.raises(ValueError, match="to 4"):
        usage.add(torch.tensor([4]))
    assert usage.counts.sum() == 0
