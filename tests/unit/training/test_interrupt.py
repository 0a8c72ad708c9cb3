"""Signals that stop training."""

from __future__ import annotations

import signal

import pytest

from scanvq.training.interrupt import SIGNALS, stop_on_signal


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_requests_a_stop_and_a_second_one_stops_at_once(number: int) -> None:
    before = signal.getsignal(number)
    with stop_on_signal() as request:
        signal.raise_signal(number)
        assert request.made
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_an_ignored_signal_stays_ignored() -> None:
    """As SIGHUP is under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signal() as request:
            signal.raise_signal(signal.SIGHUP)
            assert not request.made
    finally:
        signal.signal(signal.SIGHUP, before)
