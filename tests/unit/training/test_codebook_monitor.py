"""The monitor adjusts underused codebooks, the mildest adjustment first, and does not change others."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from scanvq.quantizers import IdentityQuantizer, MovingAverageQuantizer, NearestQuantizer
from scanvq.tokenizers import VQVAE, VQVAE2
from scanvq.training.codebook_monitor import CodebookMonitor
from scanvq.training.engine import Engine
from scanvq.types import Losses, Quantizer

IMAGES = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
SIZE = 16
WELL_USED = {"codes_used": 13.0, "perplexity": 9.0}
UNDERUSED = {"codes_used": 12.0, "perplexity": 7.0}
LOST = [2, 5, 7, 11]


def one_level(quantizer: Quantizer) -> VQVAE:
    torch.manual_seed(0)
    return VQVAE(quantizer=quantizer, channels=(8, 8), residual_channels=4)


def two_levels(**settings: Any) -> VQVAE2:
    torch.manual_seed(0)
    quantizers: list[Quantizer] = [moving_average(), moving_average()]
    return VQVAE2(quantizers=quantizers, channels=(8, 8), residual_channels=4, **settings)


def moving_average(**settings: Any) -> MovingAverageQuantizer:
    return MovingAverageQuantizer(codebook_size=SIZE, code_dim=8, **settings)


def trained(quantizer: Quantizer) -> VQVAE:
    """After one step, in which a quantizer starts from data."""
    tokenizer = one_level(quantizer).train()
    tokenizer(IMAGES)
    return tokenizer


def make_monitor(
    tokenizer: VQVAE | VQVAE2,
    log: list[str],
    *,
    cells: int = 10 * SIZE,
    adjusts: bool = True,
    images: Tensor = IMAGES,
) -> CodebookMonitor:
    return CodebookMonitor(
        tokenizer,
        cells=tuple(cells for _ in tokenizer.codebook_sizes),
        images=lambda: images,
        adjusts=adjusts,
        engine=Engine(device="cpu"),
        info=log.append,
    )


def step(*levels: Tensor) -> Losses:
    return Losses(total=torch.tensor(0.0), counts=levels)


def uneven(lost: list[int] = LOST, *, each: int = 100) -> Tensor:
    counts = torch.full((SIZE,), each)
    counts[lost] = 0
    return counts


def after_validation(
    monitor: CodebookMonitor, values: dict[str, float], *, final: bool = False
) -> dict[str, float]:
    """Validates after a step in which the lost codes were not chosen."""
    monitor.after_step(step(uneven()))
    return monitor.after_validation(values, final=final)


def test_dead_codes_restart_at_the_next_step() -> None:
    quantizer = moving_average()
    tokenizer, log = trained(quantizer), list[str]()
    quantizer.counts.fill_(64.0)  # the moving average lags behind
    before = quantizer.codebook[LOST].clone()
    assert after_validation(make_monitor(tokenizer, log), UNDERUSED) == {
        "codes_dead": 4.0,
        "codes_restarted": 4.0,
    }
    assert log == ["codebook: 12 of 16 codes in use in validation, perplexity 7; 4 restart from features"]
    assert torch.equal(quantizer.codebook[LOST], before)  # weights saved now still fit their codes
    tokenizer(IMAGES)
    features = tokenizer.encoder((IMAGES - tokenizer.input_mean) / tokenizer.input_std)
    rows = features.permute(0, 2, 3, 1).reshape(-1, 8)
    distances = torch.cdist(quantizer.codebook[LOST], rows).min(dim=1).values
    assert distances.max() < rows.std()  # a feature of the batch, or the mean of those that chose it


def test_a_code_chosen_less_than_a_twentieth_of_its_share_restarts() -> None:
    quantizer = moving_average()
    tokenizer = trained(quantizer)
    counts = uneven([3])
    counts[8] = 4  # a twentieth of the mean is 4.4
    counts[9] = 5
    monitor = make_monitor(tokenizer, [])
    monitor.after_step(step(counts))
    assert monitor.after_validation(UNDERUSED, final=False) == {"codes_dead": 1.0, "codes_restarted": 2.0}
    assert torch.nonzero(quantizer.counts == 0).flatten().tolist() == [3, 8]


def test_a_codebook_that_stays_underused_is_adjusted_further() -> None:
    quantizer = moving_average(decay=0.97)
    tokenizer, log = trained(quantizer), list[str]()
    monitor = make_monitor(tokenizer, log)
    seen = [
        after_validation(monitor, UNDERUSED) | {"": (quantizer.decay, quantizer.commitment)} for _ in range(8)
    ]
    assert [found[""] for found in seen] == [
        (0.97, 0.25),
        (0.94, 0.25),
        (0.9, 0.25),
        (0.9, 0.5),
        (0.9, 1.0),
        (0.9, 2.0),
        (0.9, 2.0),
        (0.9, 2.0),
    ]
    assert all(found["codes_restarted"] == 4.0 for found in seen)
    assert [found.get("decay") for found in seen] == [None, 0.94, 0.9, *[None] * 5]
    assert [found.get("commitment_weight") for found in seen] == [*[None] * 3, 0.5, 1.0, 2.0, None, None]
    assert log[1].endswith("4 restart from features; decay 0.97 -> 0.94")
    assert log[3].endswith("4 restart from features; commitment 0.25 -> 0.5")
    assert log[7].endswith("4 restart from features; no setting is left to change")


def test_a_recovering_codebook_keeps_its_commitment() -> None:
    quantizer = moving_average(decay=0.9)
    log: list[str] = []
    monitor = make_monitor(trained(quantizer), log)
    for in_use in (10.0, 11.0, 12.0):  # a sixteenth more each time
        after_validation(monitor, {"codes_used": in_use, "perplexity": 7.0})
    assert quantizer.commitment == 0.25
    ends = [text.rpartition("; ")[2] for text in log]
    assert ends == ["4 restart from features", *["use is recovering"] * 2]
    after_validation(monitor, {"codes_used": 12.5, "perplexity": 7.0})
    assert quantizer.commitment == 0.5


def test_settings_stay_if_training_uses_the_codes_that_validation_lacks() -> None:
    quantizer = moving_average()
    log: list[str] = []
    monitor = make_monitor(trained(quantizer), log)
    for restarted, lost in ((3.0, LOST[:3]), (3.0, LOST[:3]), (0.0, [])):
        monitor.after_step(step(uneven(lost)))
        assert monitor.after_validation(UNDERUSED, final=False) == {
            "codes_dead": restarted,
            "codes_restarted": restarted,
        }
    assert (quantizer.decay, quantizer.commitment) == (0.99, 0.25)
    assert log[2].endswith(
        "12 of 16 codes in use in validation, perplexity 7; all of them have features in training"
    )


def test_a_recovered_codebook_keeps_its_settings_and_restarts_at_the_mildest_adjustment() -> None:
    quantizer = moving_average()
    monitor = make_monitor(trained(quantizer), [])
    after_validation(monitor, UNDERUSED)
    assert after_validation(monitor, UNDERUSED)["decay"] == quantizer.decay == 0.98
    assert after_validation(monitor, WELL_USED) == {"codes_dead": 4.0}
    assert after_validation(monitor, UNDERUSED) == {"codes_dead": 4.0, "codes_restarted": 4.0}
    assert quantizer.decay == 0.98


def test_a_well_used_codebook_is_not_changed() -> None:
    quantizer = moving_average()
    tokenizer, log = trained(quantizer), list[str]()
    monitor = make_monitor(tokenizer, log)
    before = {name: value.clone() for name, value in tokenizer.state_dict().items()}
    for _ in range(3):
        assert after_validation(monitor, WELL_USED) == {"codes_dead": 4.0}
    assert all(torch.equal(value, before[name]) for name, value in tokenizer.state_dict().items())
    assert (quantizer.decay, quantizer.commitment, log) == (0.99, 0.25, [])


def test_with_little_validation_the_training_features_count() -> None:
    quantizer = moving_average()
    log: list[str] = []
    monitor = make_monitor(trained(quantizer), log, cells=10 * SIZE - 1)
    monitor.after_step(step(uneven()))
    monitor.after_step(step(uneven([2])))  # all but one were chosen in some step
    assert monitor.after_validation(UNDERUSED, final=False) == {"codes_dead": 1.0}
    assert log == []
    assert after_validation(monitor, WELL_USED) == {"codes_dead": 4.0, "codes_restarted": 4.0}
    assert log == ["codebook: 12 of 16 codes in use in training, perplexity 12; 4 restart from features"]


def test_use_is_measured_over_at_least_ten_features_per_code() -> None:
    log: list[str] = []
    monitor = make_monitor(trained(moving_average()), log)
    monitor.after_step(step(uneven(each=13)))  # 156 in all
    assert monitor.after_validation(UNDERUSED, final=False) == {}
    monitor.after_step(step(uneven([*range(12)], each=1)))
    assert monitor.after_validation(UNDERUSED, final=False) == {"codes_dead": 4.0, "codes_restarted": 4.0}


@pytest.mark.parametrize(
    "quantizer",
    [NearestQuantizer(codebook_size=SIZE, code_dim=8), moving_average(restart_after=0)],
    ids=["gradient", "restart turned off"],
)
def test_a_quantizer_without_restart_is_reported(quantizer: Quantizer) -> None:
    log: list[str] = []
    found = after_validation(make_monitor(trained(quantizer), log), UNDERUSED)
    assert found == {"codes_dead": 4.0, "codes_restarted": 0.0}
    assert log[0].endswith(
        "12 of 16 codes in use in validation, perplexity 7; this quantizer cannot restart codes"
    )


def test_a_codebook_learned_by_gradient_gets_a_higher_commitment_first() -> None:
    quantizer = NearestQuantizer(codebook_size=SIZE, code_dim=8)
    monitor = make_monitor(trained(quantizer), [])
    assert [after_validation(monitor, UNDERUSED).get("commitment_weight") for _ in range(5)] == [
        None,
        0.5,
        1.0,
        2.0,
        None,
    ]
    assert quantizer.commitment == 2.0


def test_settings_that_are_turned_off_stay_off() -> None:
    quantizer = moving_average(commitment=0.0, decay=0.8)
    monitor = make_monitor(trained(quantizer), [])
    for _ in range(4):
        assert after_validation(monitor, UNDERUSED) == {"codes_dead": 4.0, "codes_restarted": 4.0}
    assert (quantizer.decay, quantizer.commitment) == (0.8, 0.0)


def test_a_codebook_of_size_one_is_never_underused() -> None:
    monitor = make_monitor(trained(IdentityQuantizer(code_dim=8)), [])
    monitor.after_step(step(torch.tensor([100])))
    assert monitor.after_validation({"codes_used": 1.0, "perplexity": 1.0}, final=False) == {
        "codes_dead": 0.0
    }


@pytest.mark.parametrize(
    ("adjusts", "final", "why"),
    [(False, False, "nothing is changed (codebook_monitor = warn)"), (True, True, "training is over")],
    ids=["warns only", "training is over"],
)
def test_nothing_is_changed_by_warn_or_after_training(adjusts: bool, final: bool, why: str) -> None:
    quantizer = moving_average()
    tokenizer, log = trained(quantizer), list[str]()
    before = {name: value.clone() for name, value in tokenizer.state_dict().items()}
    monitor = make_monitor(tokenizer, log, adjusts=adjusts)
    for _ in range(3):
        assert after_validation(monitor, UNDERUSED, final=final) == {"codes_dead": 4.0}
    assert all(torch.equal(value, before[name]) for name, value in tokenizer.state_dict().items())
    assert (quantizer.decay, quantizer.commitment) == (0.99, 0.25)
    assert log == 3 * [f"codebook: 12 of 16 codes in use in validation, perplexity 7; {why}"]


def shades() -> Tensor:
    return torch.linspace(0, 1, 4).view(4, 1, 1, 1).expand_as(IMAGES) * IMAGES


def collapsed(**settings: Any) -> VQVAE2:
    """A hierarchy whose decoded images do not depend on the codes of the top level."""
    tokenizer = two_levels(**settings).train()
    tokenizer(shades())
    tokenizer.quantizers[0].codebook.zero_()  # type: ignore[union-attr, operator]
    return tokenizer.eval()


@pytest.mark.parametrize(("adjusts", "final"), [(False, False), (True, True)])
def test_a_collapsed_level_is_not_adjusted_either(adjusts: bool, final: bool) -> None:
    tokenizer, log = collapsed(), list[str]()
    monitor = make_monitor(tokenizer, log, adjusts=adjusts, images=shades())
    with torch.no_grad():
        assert [monitor.after_validation({}, final=final) for _ in range(4)] == [{"worth_0": 0.0}] * 4
    assert tokenizer.top_weight == 0.25
    assert len(log) == 4


def test_the_state_restores_counts_and_settings() -> None:
    def half_way() -> tuple[VQVAE2, CodebookMonitor]:
        tokenizer = collapsed()
        return tokenizer, make_monitor(tokenizer, [], images=shades())

    def state(tokenizer: VQVAE2) -> list[float | None]:
        levels = [(quantizer.decay, quantizer.commitment) for quantizer in tokenizer.levels]
        return [tokenizer.top_weight, *levels[0], *levels[1]]

    underused = {"codes_used_0": 12.0, "perplexity_0": 7.0, "codes_used_1": 16.0, "perplexity_1": 16.0}
    first, monitor = half_way()
    with torch.no_grad():
        for _ in range(3):
            monitor.after_step(step(uneven(), uneven([])))
            monitor.after_validation(underused, final=False)
        monitor.after_step(step(uneven(each=10), uneven([])))  # too few of level 0 to judge
        second, other = half_way()
        other.load_state_dict(monitor.state_dict())
        assert state(second) == [0.5, 0.96, 0.25, 0.99, 0.25]
        for each in (monitor, other):
            each.after_step(step(uneven(each=5), uneven([])))  # enough together
        assert other.after_validation(underused, final=False) == monitor.after_validation(
            underused, final=False
        )
    assert state(first) == state(second) == [1.0, 0.92, 0.25, 0.99, 0.25]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"settings": [{"forward": 0.5}, {}]}, "settings"),
        ({"underused": [None]}, "underused"),
        ({"chosen": ["x", "y"]}, "chosen"),
        ({"chosen": [torch.zeros(3), torch.zeros(3)]}, "chosen"),
        ({"hierarchy": {"collapsed_for": [0, 0], "top_weight": None}}, "collapsed_for"),
        ({"hierarchy": {"collapsed_for": [0], "top_weight": "x"}}, "top_weight"),
    ],
)
def test_a_state_of_other_fields_is_refused(change: dict[str, Any], told: str) -> None:
    monitor = make_monitor(collapsed(), [], images=shades())
    monitor.load_state_dict(monitor.state_dict())
    with pytest.raises(ValueError, match=told):
        monitor.load_state_dict({**monitor.state_dict(), **change})
