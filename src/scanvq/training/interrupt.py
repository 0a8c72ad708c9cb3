"""Ctrl-C, SIGTERM of a scheduler and a closed terminal make training save and stop after the current step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(Exception):  # noqa: N818 - not an error: the state is saved
    """Training stopped on request; its state is saved."""


class StopRequest:
    """Whether a signal has requested that training stops."""

    def __init__(self) -> None:
        self.made = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.made:  # the second signal stops at once; the last save stays valid
            raise KeyboardInterrupt
        self.made = True


SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
)
"""Signals that stop training; a closed terminal sends SIGHUP."""


@contextmanager
def stop_on_signal() -> Iterator[StopRequest]:
    """Catches SIGNALS inside the block, but those that are ignored, as SIGHUP under nohup.

    Off the main thread nothing can be caught.
    """
    stop_request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop_request
        return
    caught = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop_request) for number in caught}
    try:
        yield stop_request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
