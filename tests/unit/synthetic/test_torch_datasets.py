"""Synthetic scans in loaders of PyTorch and MONAI: seeds of items, workers and epochs."""

from __future__ import annotations

from itertools import islice

import monai.data
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from scanvq.synthetic.torch_datasets import SyntheticScans, SyntheticStream

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),  # on one core
]

SIZE = {"height": 40, "width": 32}


def digests(loader: DataLoader, batches: int) -> list[float]:
    """A number for each image of the first batches."""
    return [float(image.double().sum()) for batch in islice(loader, batches) for image in batch["image"]]


def test_an_item_depends_on_seed_and_index() -> None:
    scans = SyntheticScans(4, **SIZE, seed=3)
    item = scans[2]
    assert item["image"].shape == item["segmentation"].shape == (1, 40, 32)
    assert (item["image"].dtype, item["segmentation"].dtype) == (torch.float32, torch.uint8)
    assert 0 <= item["image"].min() < 0.1 < item["image"].max() <= 1
    assert set(item["segmentation"].unique().tolist()) <= {0, 1, 2, 3}
    assert [scans[i]["label"] for i in range(4)] == [1, 0, 1, 0]
    torch.testing.assert_close(SyntheticScans(9, **SIZE, seed=3)[2]["image"], item["image"], rtol=0, atol=0)
    torch.testing.assert_close(scans[-2]["image"], item["image"], rtol=0, atol=0)
    assert not torch.equal(SyntheticScans(4, **SIZE, seed=4)[2]["image"], item["image"])
    with pytest.raises(IndexError, match="item 4 of 4"):
        scans[4]
    with pytest.raises(ValueError, match="length is 0"):
        SyntheticScans(0)
    assert len(SyntheticScans(1)) == 1


def test_the_background_is_black_and_the_brain_is_not() -> None:
    item = SyntheticScans(1, **SIZE)[0]
    inside = item["segmentation"] > 0
    assert item["image"][inside].mean() > 5 * item["image"][~inside].mean()


def test_workers_give_what_the_main_process_gives() -> None:
    scans = SyntheticScans(6, **SIZE)
    alone = digests(DataLoader(scans, batch_size=2), 3)
    assert digests(DataLoader(scans, batch_size=2, num_workers=2), 3) == alone
    assert digests(monai.data.DataLoader(monai.data.Dataset(scans), batch_size=2, num_workers=2), 3) == alone
    assert len(set(alone)) == 6


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_and_epochs_of_the_stream_differ_and_are_repeatable(persistent: bool) -> None:
    def two_epochs(seed: int) -> list[float]:
        stream = SyntheticStream(**SIZE, seed=seed)
        loader = DataLoader(stream, batch_size=2, num_workers=2, persistent_workers=persistent)
        return digests(loader, 2) + digests(loader, 2)

    found = two_epochs(0)
    assert len(set(found)) == 8
    assert two_epochs(0) == found
    assert not set(two_epochs(1)) & set(found)


def test_the_stream_without_workers() -> None:
    stream = SyntheticStream(**SIZE)
    first, second = ([item["label"] for item in islice(stream, 3)] for _ in range(2))
    assert first == second == [1, 0, 1]
    one, two = (next(iter(SyntheticStream(**SIZE, rank=rank))) for rank in (0, 1))
    assert not np.array_equal(one["image"], two["image"])
    fixed = SyntheticScans(2, **SIZE)
    assert all(not torch.equal(fixed[n]["image"], one["image"]) for n in range(2))
