"""The monitor adjusts underused codebooks, the mildest way first, and leaves others as they are."""

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
WELL = {"codes_used": 13.0, "perplexity": 9.0}
ILL = {"codes_used": 12.0, "perplexity": 7.0}
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


def monitor(
    tokenizer: VQVAE | VQVAE2,
    said: list[str],
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
        info=said.append,
    )


def step(*levels: Tensor) -> Losses:
    return Losses(total=torch.tensor(0.0), counts=levels)


def uneven(lost: list[int] = LOST, *, each: int = 100) -> Tensor:
    counts = torch.full((SIZE,), each)
    counts[lost] = 0
    return counts


def after_validation(
    one: CodebookMonitor, values: dict[str, float], *, over: bool = False
) -> dict[str, float]:
    """A visit after a step in which the lost codes were not chosen."""
    one.after_step(step(uneven()))
    return one.after_validation(values, over=over)


def test_codes_that_do_nothing_restart_at_the_next_step() -> None:
    quantizer = moving_average()
    tokenizer, said = trained(quantizer), list[str]()
    quantizer.counts.fill_(64.0)  # the moving average has not noticed yet
    before = quantizer.codebook[LOST].clone()
    assert after_validation(monitor(tokenizer, said), ILL) == {"codes_dead": 4.0, "codes_restarted": 4.0}
    assert said == ["codebook: 12 of 16 codes in use in validation, perplexity 7; 4 restart from features"]
    assert torch.equal(quantizer.codebook[LOST], before)  # what is saved now still decodes what it coded
    tokenizer(IMAGES)
    features = tokenizer.encoder((IMAGES - tokenizer.input_mean) / tokenizer.input_std)
    rows = features.permute(0, 2, 3, 1).reshape(-1, 8)
    distances = torch.cdist(quantizer.codebook[LOST], rows).min(dim=1).values
    assert distances.max() < rows.std()  # a feature of the batch, or the mean of those that chose it


def test_a_code_chosen_less_than_a_twentieth_of_its_share_restarts_with_the_dead() -> None:
    quantizer = moving_average()
    tokenizer = trained(quantizer)
    counts = uneven([3])
    counts[8] = 4  # a twentieth of the mean is 4.4
    counts[9] = 5
    one = monitor(tokenizer, [])
    one.after_step(step(counts))
    assert one.after_validation(ILL, over=False) == {"codes_dead": 1.0, "codes_restarted": 2.0}
    assert torch.nonzero(quantizer.counts == 0).flatten().tolist() == [3, 8]


def test_a_codebook_that_stays_ill_is_bound_ever_closer() -> None:
    quantizer = moving_average(decay=0.97)
    tokenizer, said = trained(quantizer), list[str]()
    one = monitor(tokenizer, said)
    seen = [after_validation(one, ILL) | {"": (quantizer.decay, quantizer.commitment)} for _ in range(8)]
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
    assert said[1].endswith("4 restart from features; decay 0.97 -> 0.94")
    assert said[3].endswith("4 restart from features; commitment 0.25 -> 0.5")
    assert said[7].endswith("4 restart from features; no setting is left to change")


def test_a_codebook_on_the_mend_gets_no_commitment() -> None:
    quantizer = moving_average(decay=0.9)
    said: list[str] = []
    one = monitor(trained(quantizer), said)
    for in_use in (10.0, 11.0, 12.0):  # a sixteenth more each time
        after_validation(one, {"codes_used": in_use, "perplexity": 7.0})
    assert quantizer.commitment == 0.25
    ends = [text.rpartition("; ")[2] for text in said]
    assert ends == ["4 restart from features", *["use is recovering"] * 2]
    after_validation(one, {"codes_used": 12.5, "perplexity": 7.0})
    assert quantizer.commitment == 0.5


def test_settings_stay_where_training_uses_the_codes_that_validation_lacks() -> None:
    quantizer = moving_average()
    said: list[str] = []
    one = monitor(trained(quantizer), said)
    for restarted, lost in ((3.0, LOST[:3]), (3.0, LOST[:3]), (0.0, [])):
        one.after_step(step(uneven(lost)))
        assert one.after_validation(ILL, over=False) == {
            "codes_dead": restarted,
            "codes_restarted": restarted,
        }
    assert (quantizer.decay, quantizer.commitment) == (0.99, 0.25)
    assert said[2].endswith(
        "12 of 16 codes in use in validation, perplexity 7; all of them have features in training"
    )


def test_the_recovered_keep_their_settings_and_fall_ill_anew_mildly() -> None:
    quantizer = moving_average()
    one = monitor(trained(quantizer), [])
    after_validation(one, ILL)
    assert after_validation(one, ILL)["decay"] == quantizer.decay == 0.98
    assert after_validation(one, WELL) == {"codes_dead": 4.0}
    assert after_validation(one, ILL) == {"codes_dead": 4.0, "codes_restarted": 4.0}
    assert quantizer.decay == 0.98


def test_the_healthy_are_left_alone() -> None:
    quantizer = moving_average()
    tokenizer, said = trained(quantizer), list[str]()
    one = monitor(tokenizer, said)
    before = {name: value.clone() for name, value in tokenizer.state_dict().items()}
    for _ in range(3):
        assert after_validation(one, WELL) == {"codes_dead": 4.0}
    assert all(torch.equal(value, before[name]) for name, value in tokenizer.state_dict().items())
    assert (quantizer.decay, quantizer.commitment, said) == (0.99, 0.25, [])


def test_with_little_validation_the_training_features_since_the_last_visit_judge() -> None:
    quantizer = moving_average()
    said: list[str] = []
    one = monitor(trained(quantizer), said, cells=10 * SIZE - 1)
    one.after_step(step(uneven()))
    one.after_step(step(uneven([2])))  # all but one were chosen in some step
    assert one.after_validation(ILL, over=False) == {"codes_dead": 1.0}
    assert said == []
    assert after_validation(one, WELL) == {"codes_dead": 4.0, "codes_restarted": 4.0}
    assert said == ["codebook: 12 of 16 codes in use in training, perplexity 12; 4 restart from features"]


def test_a_code_is_judged_by_ten_features_for_each_at_least() -> None:
    said: list[str] = []
    one = monitor(trained(moving_average()), said)
    one.after_step(step(uneven(each=13)))  # 156 in all
    assert one.after_validation(ILL, over=False) == {}
    one.after_step(step(uneven([*range(12)], each=1)))
    assert one.after_validation(ILL, over=False) == {"codes_dead": 4.0, "codes_restarted": 4.0}


@pytest.mark.parametrize(
    "quantizer",
    [NearestQuantizer(codebook_size=SIZE, code_dim=8), moving_average(restart_after=0)],
    ids=["gradient", "told never to restart"],
)
def test_what_cannot_restart_is_said(quantizer: Quantizer) -> None:
    said: list[str] = []
    found = after_validation(monitor(trained(quantizer), said), ILL)
    assert found == {"codes_dead": 4.0, "codes_restarted": 0.0}
    assert said[0].endswith(
        "12 of 16 codes in use in validation, perplexity 7; this quantizer cannot restart codes"
    )


def test_a_codebook_learned_by_gradient_gets_the_commitment_at_once() -> None:
    quantizer = NearestQuantizer(codebook_size=SIZE, code_dim=8)
    one = monitor(trained(quantizer), [])
    assert [after_validation(one, ILL).get("commitment_weight") for _ in range(5)] == [
        None,
        0.5,
        1.0,
        2.0,
        None,
    ]
    assert quantizer.commitment == 2.0


def test_what_was_turned_off_stays_off() -> None:
    quantizer = moving_average(commitment=0.0, decay=0.8)
    one = monitor(trained(quantizer), [])
    for _ in range(4):
        assert after_validation(one, ILL) == {"codes_dead": 4.0, "codes_restarted": 4.0}
    assert (quantizer.decay, quantizer.commitment) == (0.8, 0.0)


def test_a_codebook_of_one_is_never_ill() -> None:
    one = monitor(trained(IdentityQuantizer(code_dim=8)), [])
    one.after_step(step(torch.tensor([100])))
    assert one.after_validation({"codes_used": 1.0, "perplexity": 1.0}, over=False) == {"codes_dead": 0.0}


@pytest.mark.parametrize(
    ("adjusts", "over", "why"),
    [(False, False, "nothing is changed (codebook_monitor = warn)"), (True, True, "training is over")],
    ids=["warns only", "training is over"],
)
def test_nothing_is_changed_where_it_must_not_or_cannot_help(adjusts: bool, over: bool, why: str) -> None:
    quantizer = moving_average()
    tokenizer, said = trained(quantizer), list[str]()
    before = {name: value.clone() for name, value in tokenizer.state_dict().items()}
    one = monitor(tokenizer, said, adjusts=adjusts)
    for _ in range(3):
        assert after_validation(one, ILL, over=over) == {"codes_dead": 4.0}
    assert all(torch.equal(value, before[name]) for name, value in tokenizer.state_dict().items())
    assert (quantizer.decay, quantizer.commitment) == (0.99, 0.25)
    assert said == 3 * [f"codebook: 12 of 16 codes in use in validation, perplexity 7; {why}"]


def shades() -> Tensor:
    return torch.linspace(0, 1, 4).view(4, 1, 1, 1).expand_as(IMAGES) * IMAGES


def silenced(**settings: Any) -> VQVAE2:
    """A hierarchy whose top decodes to the same, whatever its codes."""
    tokenizer = two_levels(**settings).train()
    tokenizer(shades())
    tokenizer.quantizers[0].codebook.zero_()  # type: ignore[union-attr, operator]
    return tokenizer.eval()


def test_a_level_that_says_something_is_left_alone() -> None:
    tokenizer = two_levels().train()
    for _ in range(3):
        tokenizer(shades())
    said: list[str] = []
    with torch.no_grad():
        found = monitor(tokenizer.eval(), said, images=shades()).after_validation({}, over=False)
    assert found.keys() == {"worth_0"}
    assert found["worth_0"] != 0.0


def test_more_is_asked_of_a_top_level_that_stays_silent() -> None:
    tokenizer, said = silenced(), list[str]()
    one = monitor(tokenizer, said, images=shades())
    with torch.no_grad():
        found = [one.after_validation({}, over=False) for _ in range(5)]
    assert found == [
        {"worth_0": 0.0},
        {"worth_0": 0.0},
        {"worth_0": 0.0, "top_weight": 0.5},
        {"worth_0": 0.0, "top_weight": 1.0},
        {"worth_0": 0.0},
    ]
    assert tokenizer.top_weight == 1.0
    assert said[0].startswith(
        "level 0 says next to nothing: with the codes of another image SSIM falls by 0.0"
    )
    assert [one.rpartition("; ")[2] for one in said] == [
        "watched",
        "watched",
        "top_weight 0.25 -> 0.5",
        "top_weight 0.5 -> 1",
        "top_weight is at its bound, or was turned off",
    ]


@pytest.mark.parametrize(("adjusts", "over"), [(False, False), (True, True)])
def test_a_silent_level_may_be_told_of_only(adjusts: bool, over: bool) -> None:
    tokenizer, said = silenced(), list[str]()
    one = monitor(tokenizer, said, adjusts=adjusts, images=shades())
    with torch.no_grad():
        assert [one.after_validation({}, over=over) for _ in range(4)] == [{"worth_0": 0.0}] * 4
    assert tokenizer.top_weight == 0.25
    assert len(said) == 4


def test_a_top_weight_of_nothing_stays() -> None:
    tokenizer = silenced(top_weight=0.0)
    one = monitor(tokenizer, [], images=shades())
    with torch.no_grad():
        assert [one.after_validation({}, over=False) for _ in range(4)] == [{"worth_0": 0.0}] * 4
    assert tokenizer.top_weight == 0.0


def test_what_is_kept_brings_counts_visits_and_settings_back() -> None:
    def half_way() -> tuple[VQVAE2, CodebookMonitor]:
        tokenizer = silenced()
        return tokenizer, monitor(tokenizer, [], images=shades())

    def state(tokenizer: VQVAE2) -> list[float | None]:
        levels = [(quantizer.decay, quantizer.commitment) for quantizer in tokenizer.levels]
        return [tokenizer.top_weight, *levels[0], *levels[1]]

    ill = {"codes_used_0": 12.0, "perplexity_0": 7.0, "codes_used_1": 16.0, "perplexity_1": 16.0}
    first, one = half_way()
    with torch.no_grad():
        for _ in range(3):
            one.after_step(step(uneven(), uneven([])))
            one.after_validation(ill, over=False)
        one.after_step(step(uneven(each=10), uneven([])))  # too few of level 0 for a visit
        second, other = half_way()
        other.load_state_dict(one.state_dict())
        assert state(second) == [0.5, 0.96, 0.25, 0.99, 0.25]
        for each in (one, other):
            each.after_step(step(uneven(each=5), uneven([])))  # enough together
        assert other.after_validation(ill, over=False) == one.after_validation(ill, over=False)
    assert state(first) == state(second) == [1.0, 0.92, 0.25, 0.99, 0.25]
