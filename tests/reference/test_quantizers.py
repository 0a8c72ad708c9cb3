"""Quantizers beside NumPy brute force, vector-quantize-pytorch and MONAI."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scanvq.kernels.nearest_search import nearest_codes
from scanvq.quantizers import MovingAverageQuantizer, NearestQuantizer

monai = pytest.importorskip("monai.networks.layers.vector_quantizer")
vector_quantize_pytorch = pytest.importorskip("vector_quantize_pytorch")

SIZE, DIM, BETA, DECAY = 24, 8, 0.3, 0.9


def features(seed: int) -> torch.Tensor:
    return torch.randn(4, DIM, 6, 5, generator=torch.Generator().manual_seed(seed))


def codebook() -> torch.Tensor:
    return torch.randn(SIZE, DIM, generator=torch.Generator().manual_seed(99))


def moving_average(counts: float) -> MovingAverageQuantizer:
    """One whose codebook stands already, in the peers' first state."""
    quantizer = MovingAverageQuantizer(
        codebook_size=SIZE, code_dim=DIM, commitment=BETA, decay=DECAY, restart_after=0
    )
    state = {"codebook": codebook(), "sums": codebook(), "counts": torch.full((SIZE,), counts)}
    quantizer.load_state_dict({**state, "steps": torch.tensor(1)})
    return quantizer


@pytest.mark.parametrize(("rows", "size"), [(0, 7), (1, 7), (700, 5), (2500, 512), (600, 3000), (50, 1)])
def test_search_equals_numpy(rows: int, size: int) -> None:
    rng = np.random.default_rng(0)
    x, e = rng.normal(size=(rows, 12)).astype("float32"), rng.normal(size=(size, 12)).astype("float32")
    distances = ((x[:, None].astype("float64") - e[None].astype("float64")) ** 2).sum(-1)
    found = nearest_codes(torch.from_numpy(x), torch.from_numpy(e)).numpy()
    assert (found == distances.argmin(1)).all() if rows else found.shape == (0,)


def test_search_far_from_the_origin_is_as_good_as_fp32_allows() -> None:
    rng = np.random.default_rng(0)
    x, e = rng.normal(size=(500, 12)) + 30, rng.normal(size=(64, 12)) + 30
    distances = ((x[:, None] - e[None]) ** 2).sum(-1)
    found = nearest_codes(torch.from_numpy(x), torch.from_numpy(e)).numpy()
    lost = distances[np.arange(500), found] - distances.min(1)
    assert lost.max() < 5e-3


def test_gradient_codebook_equals_numpy() -> None:
    """Equation 3, and its gradient: 2 (e - mean of its features) n / (N D) for each code."""
    quantizer = NearestQuantizer(codebook_size=SIZE, code_dim=DIM, commitment=BETA)
    quantizer.load_state_dict({"codebook": codebook(), "started": torch.tensor(True)})
    result = quantizer(features(0))
    rows = features(0).permute(0, 2, 3, 1).reshape(-1, DIM).numpy()
    e = codebook().numpy()
    codes = ((rows[:, None] - e[None]) ** 2).sum(-1).argmin(1)
    error = ((rows - e[codes]) ** 2).mean()
    np.testing.assert_allclose(result.losses["codebook"].item(), error, rtol=1e-5)
    np.testing.assert_allclose(result.losses["commitment"].item(), BETA * error, rtol=1e-5)
    result.losses["codebook"].backward()
    expected = np.zeros_like(e)
    np.add.at(expected, codes, 2 * (e[codes] - rows) / rows.size)
    assert quantizer.codebook.grad is not None
    np.testing.assert_allclose(quantizer.codebook.grad.numpy(), expected, atol=1e-6)


def test_moving_average_equals_numpy() -> None:
    quantizer = moving_average(counts=1.0)
    e, sums, counts = codebook().numpy(), codebook().numpy(), np.ones(SIZE)
    for step in range(5):
        rows = features(step).permute(0, 2, 3, 1).reshape(-1, DIM).numpy()
        codes = ((rows[:, None] - e[None]) ** 2).sum(-1).argmin(1)
        assert (quantizer(features(step)).codes[0].flatten().numpy() == codes).all()
        hits = np.eye(SIZE)[codes]
        counts = DECAY * counts + (1 - DECAY) * hits.sum(0)
        sums = DECAY * sums + (1 - DECAY) * hits.T @ rows
        total = counts.sum()
        e = sums / ((counts + 1e-5) / (total + SIZE * 1e-5) * total)[:, None]
        np.testing.assert_allclose(quantizer.codebook.numpy(), e, atol=1e-5)


def test_equals_vector_quantize_pytorch() -> None:
    ours = moving_average(counts=1.0)
    theirs = vector_quantize_pytorch.VectorQuantize(
        dim=DIM,
        codebook_size=SIZE,
        decay=DECAY,
        commitment_weight=BETA,
        accept_image_fmap=True,
        rotation_trick=False,
        threshold_ema_dead_code=0,
    )
    theirs._codebook.embed.copy_(codebook()[None])
    theirs._codebook.embed_avg.copy_(codebook()[None])
    for step in range(3):
        vectors, codes, loss = theirs(features(step))
        result = ours(features(step))
        assert torch.equal(result.codes[0], codes)
        torch.testing.assert_close(result.vectors, vectors)
        torch.testing.assert_close(result.losses["commitment"], loss.squeeze())
        torch.testing.assert_close(ours.codebook, theirs._codebook.embed[0])
        torch.testing.assert_close(ours.counts, theirs._codebook.cluster_size[0])


def test_equals_monai() -> None:
    """MONAI's counts start at zero; from there both move alike."""
    ours = moving_average(counts=0.0)
    theirs = monai.EMAQuantizer(2, SIZE, DIM, commitment_cost=BETA, decay=DECAY)
    theirs.embedding.weight.copy_(codebook())
    theirs.ema_w.copy_(codebook())
    for step in range(3):
        vectors, loss, codes = theirs(features(step))
        result = ours(features(step))
        assert torch.equal(result.codes[0], codes)
        torch.testing.assert_close(result.vectors, vectors)
        torch.testing.assert_close(result.losses["commitment"], loss)
        torch.testing.assert_close(ours.codebook, theirs.embedding.weight)
