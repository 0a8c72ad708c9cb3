"""Optimizers by name, and the learning rate of every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from scanvq.build import TABLES
from scanvq.settings import StageSettings
from scanvq.spec import complete
from scanvq.training.optimizers import learning_rate, load_state, make_optimizer


def settings(**given: Any) -> StageSettings:
    whole = {"objective": "next_code", **given}
    return StageSettings(**complete(StageSettings, whole, where="stage", tables=TABLES))


@pytest.mark.parametrize(("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_the_optimizer_takes_its_settings(name: str, kind: type) -> None:
    parameters = nn.Linear(2, 3).parameters()
    optimizer = make_optimizer(
        parameters, settings(optimizer=name, learning_rate=0.1, betas=[0.5, 0.9], weight_decay=0.2)
    )
    assert type(optimizer) is kind
    (group,) = optimizer.param_groups
    assert (group["lr"], tuple(group["betas"]), group["weight_decay"]) == (0.1, (0.5, 0.9), 0.2)
    assert len(group["params"]) == 2


def test_a_constant_rate() -> None:
    constant = settings(learning_rate=0.1)
    assert {learning_rate(constant, progress=p / 10, step=p) for p in range(11)} == {0.1}


def test_warm_up_is_linear() -> None:
    warm = settings(learning_rate=0.1, warmup_steps=4)
    rates = [learning_rate(warm, progress=0.5, step=step) for step in range(6)]
    assert rates == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1, 0.1])


def test_a_cosine_falls_to_two_percent() -> None:
    cosine = settings(learning_rate=0.1, schedule="cosine")
    rates = [learning_rate(cosine, progress=p / 10, step=100) for p in range(11)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(0.1)
    assert rates[5] == pytest.approx(0.051)
    assert rates[10] == pytest.approx(0.002)


def test_warm_up_ends_at_its_share_of_a_short_training() -> None:
    short = settings(warmup_steps=50, warmup_share=0.1, learning_rate=1.0)
    rates = [learning_rate(short, progress=step / 20, step=step) for step in range(20)]
    assert rates[0] == pytest.approx(1 / 50)
    assert rates[1] == pytest.approx(0.5)
    assert rates[2:] == [1.0] * 18


def stepped() -> tuple[nn.Module, torch.optim.Optimizer]:
    layer = nn.Linear(2, 3)
    optimizer = make_optimizer(layer.parameters(), settings(learning_rate=0.1))
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return layer, optimizer


def test_a_saved_state_continues_with_the_settings_of_the_recipe() -> None:
    layer, optimizer = stepped()
    saved = optimizer.state_dict()
    saved["param_groups"][0]["betas"] = "x"  # not read
    other = make_optimizer(layer.parameters(), settings(learning_rate=0.2))
    load_state(other, saved)
    assert other.param_groups[0]["lr"] == 0.2
    moments = other.state_dict()["state"]
    assert all(torch.equal(moments[1][name], value) for name, value in saved["state"][1].items())


def test_the_state_of_a_parameter_without_gradient_may_be_missing() -> None:
    layer, optimizer = stepped()
    saved = optimizer.state_dict()
    del saved["state"][1]
    load_state(make_optimizer(layer.parameters(), settings()), saved)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda moments: moments[1].pop("exp_avg"), "parameter 1"),
        (lambda moments: moments[0].update(exp_avg="x"), "exp_avg of parameter 0"),
        (lambda moments: moments[0].update(exp_avg_sq=torch.zeros(2, 3)), "exp_avg_sq of parameter 0"),
        (lambda moments: moments[0].update(step=3), "step of parameter 0"),
        (lambda moments: moments.update({7: moments[1]}), "not there"),
    ],
)
def test_a_state_of_other_parameters_is_refused(
    change: Callable[[dict[Any, Any]], object], told: str
) -> None:
    layer, optimizer = stepped()
    saved = optimizer.state_dict()
    change(saved["state"])
    with pytest.raises(ValueError, match=told):
        load_state(make_optimizer(layer.parameters(), settings()), saved)
