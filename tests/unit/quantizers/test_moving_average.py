"""Initialization from data, restarts of dead codes, resuming, NaN."""

from __future__ import annotations

import pytest
import torch

from scanvq.quantizers import MovingAverageQuantizer, NearestQuantizer

SIZE, DIM = 32, 4


def features(seed: int = 0, height: int = 8) -> torch.Tensor:
    return torch.randn(2, DIM, height, 8, generator=torch.Generator().manual_seed(seed))


def rows(given: torch.Tensor) -> torch.Tensor:
    return given.permute(0, 2, 3, 1).reshape(-1, DIM)


def quantizer(restart_after: int = 5) -> MovingAverageQuantizer:
    return MovingAverageQuantizer(codebook_size=SIZE, code_dim=DIM, restart_after=restart_after)


def test_initialization_is_distinct_rows_of_the_first_batch() -> None:
    for made in (quantizer(), NearestQuantizer(codebook_size=SIZE, code_dim=DIM, start="data")):
        result = made(features())
        first = torch.cdist(rows(result.vectors), rows(features())).min(1).values
        assert first.max() < 1e-3
        assert result.codes[0].unique().numel() == SIZE


def test_initialization_with_fewer_rows_than_codes() -> None:
    made = quantizer()
    assert made(features(height=1)).codes[0].unique().numel() == 16
    for step in range(100):
        result = made(features(step))
    assert result.codes[0].unique().numel() > 0.8 * SIZE
    assert torch.isfinite(made.codebook).all()


def test_dead_codes_restart_at_data_with_their_sums() -> None:
    made = quantizer()
    made(features())
    with torch.no_grad():
        made.codebook[: SIZE // 2] = 1e3  # so far away that nothing chooses them
        made.counts[: SIZE // 2] = (1 - made.decay) * 128 / SIZE  # as after a restart
        made.sums[: SIZE // 2] = 1e3 * made.counts[: SIZE // 2, None]
    for step in range(1, 5):
        made(features(step))
    assert (made.codebook[: SIZE // 2] > 100).all()  # too early
    for step in range(5, 8):
        made(features(step))
    assert made.codebook.abs().max() < 10
    torch.testing.assert_close(made.sums / made.counts[:, None], made.codebook, atol=1e-3, rtol=1e-3)
    assert made(features(9)).codes[0].unique().numel() > 0.8 * SIZE


def test_restart_changes_only_the_given_codes() -> None:
    made, other = quantizer(), quantizer()
    asked = torch.zeros(SIZE, dtype=torch.bool)
    asked[[1, 6]] = True
    assert made.restart(asked) == 0  # not begun: there is nothing to restart from
    for one in (made, other):
        one(features())
        with torch.no_grad():
            for buffer, value in ((one.codebook, 1e3), (one.counts, 50.0), (one.sums, 5e4)):
                buffer[asked] = value  # far away, and long in use
    before = made.codebook.clone()
    assert made.restart(asked) == 2
    assert torch.equal(made.codebook, before)
    for one in (made, other):
        one(features(1))
    assert made.codebook[asked].abs().max() < 10
    assert (other.codebook[asked] > 100).all()
    torch.testing.assert_close(made.codebook[~asked], other.codebook[~asked], rtol=1e-3, atol=1e-3)


def test_restart_does_nothing_if_restarts_are_off() -> None:
    made = quantizer(restart_after=0)
    made(features())
    counts = made.counts.clone()
    assert made.restart(torch.ones(SIZE, dtype=torch.bool)) == 0
    assert torch.equal(made.counts, counts)


def test_without_restarts_dead_codes_stay() -> None:
    made = quantizer(restart_after=0)
    made(features())
    with torch.no_grad():
        made.codebook[:4] = 1e3
        made.sums[:4] = 1e3 * made.counts[:4, None]
    for step in range(1, 40):
        made(features(step))
    assert (made.codebook[:4] > 100).all()


def test_most_codes_are_used_where_most_features_are_equal() -> None:
    """As in a scan: half of the features are background."""
    made = MovingAverageQuantizer(codebook_size=SIZE, code_dim=DIM)
    for step in range(200):
        given = features(step)
        given[:, :, :4] = 1.0
        background = made(given).codes[0][:, :4]
    assert background.unique().numel() == 1
    assert made.eval()(features(height=200)).codes[0].unique().numel() > 0.9 * SIZE


def test_an_earlier_state_can_be_loaded_back() -> None:
    made = quantizer()
    states, codes = [], []
    for step in range(4):
        states.append({name: value.clone() for name, value in made.state_dict().items()})
        codes.append(made(features(step)).codes[0])
    for step in (0, 2):
        made.load_state_dict(states[step])
        assert torch.equal(made(features(step)).codes[0], codes[step])
    nearest = NearestQuantizer(codebook_size=SIZE, code_dim=DIM, start="data")
    fresh = {name: value.clone() for name, value in nearest.state_dict().items()}
    first = nearest(features()).codes[0]
    nearest.load_state_dict(fresh)
    assert torch.equal(nearest(features()).codes[0], first)


def test_nan_raises_and_leaves_the_codebook() -> None:
    for steps in (0, 2):
        made = quantizer()
        for step in range(steps):
            made(features(step))
        before = made.codebook.clone()
        with pytest.raises(FloatingPointError, match="NaN"):
            made(torch.full_like(features(), torch.nan))
        assert torch.equal(made.codebook, before)


def test_invalid_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="decay"):
        MovingAverageQuantizer(decay=1.0)
    with pytest.raises(ValueError, match="restart_after"):
        MovingAverageQuantizer(restart_after=-1)
    with pytest.raises(ValueError, match="codebook_size is 0"):
        NearestQuantizer(codebook_size=0)
    with pytest.raises(ValueError, match="code_dim is 0"):
        MovingAverageQuantizer(code_dim=0)
