from __future__ import annotations

import numpy as np
import pytest
import torch

from scanvq.metrics.code_entropy import independent_bits


def test_equally_frequent_codes_cost_log2_of_the_codebook() -> None:
    codes = torch.randint(16, (3, 4, 5), generator=torch.Generator().manual_seed(0))
    bits = independent_bits(codes, torch.full((16,), 1000))
    torch.testing.assert_close(bits, torch.full((3,), 20 * 4.0, dtype=torch.float64))


def test_it_is_numpys_cross_entropy() -> None:
    random = np.random.default_rng(0)
    training = random.choice(8, size=5000, p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05, 0.0])
    codes = random.choice(8, size=(2, 6, 7), p=[0.3, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05, 0.1])
    counts = np.bincount(training, minlength=8)
    shares = (counts + 0.5) / (5000 + 4)
    expected = [-np.log2(shares[image]).sum() for image in codes]
    found = independent_bits(torch.from_numpy(codes), torch.from_numpy(counts))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_on_new_images_it_is_not_below_the_true_entropy() -> None:
    """As the entropy of the codes themselves would be, by (K - 1) / (2 n ln 2) bits a code."""
    random = np.random.default_rng(0)
    true, own, new = np.log2(64), [], []
    for _ in range(200):
        training, test = random.integers(64, size=(2, 300))
        counts = np.bincount(training, minlength=64)
        kept = counts[counts > 0] / 300
        own.append(-(kept * np.log2(kept)).sum())
        new.append(
            float(independent_bits(torch.from_numpy(test).view(1, 1, 300), torch.from_numpy(counts))) / 300
        )
    assert np.mean(own) == pytest.approx(true - 63 / (2 * 300 * np.log(2)), abs=0.02)
    assert np.mean(new) > true


def test_codes_outside_the_codebook() -> None:
    with pytest.raises(ValueError, match="codes run from 0 to 4; a codebook of 4 has 0 to 3"):
        independent_bits(torch.tensor([[[0, 4]]]), torch.ones(4))
