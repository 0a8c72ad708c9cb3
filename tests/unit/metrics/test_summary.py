"""The distribution of a score."""

import numpy as np
import pytest
import torch

from scanvq.metrics.summary import distribution


def test_it_is_numpys() -> None:
    values = torch.rand(137)
    own = values.double().numpy()
    p05, median, p95 = np.percentile(own, [5, 50, 95])
    assert distribution(values, above=0.6) == pytest.approx(
        {
            "mean": own.mean(),
            "std": own.std(),
            "p05": p05,
            "median": median,
            "p95": p95,
            "above_0.6": (own > 0.6).mean(),
        }
    )


def test_one_value_is_its_own_distribution() -> None:
    assert distribution(torch.tensor([2.0])) == {"mean": 2, "std": 0, "p05": 2, "median": 2, "p95": 2}


def test_no_values_are_refused() -> None:
    with pytest.raises(ValueError, match="no images"):
        distribution(torch.zeros(0))
