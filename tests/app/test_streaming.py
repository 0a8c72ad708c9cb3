"""A computation in a thread: what it shows, its result, its error, its end."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import pytest

from scanvq.app.streaming import Stopped, streamed


def test_items_and_result() -> None:
    following = Event()

    def work(show: Callable[[int], None]) -> str:
        show(1)
        assert following.wait(10)
        return "done"

    stream = streamed(work)
    assert next(stream) == 1
    following.set()
    with pytest.raises(StopIteration) as end:
        next(stream)
    assert end.value.value == "done"


def test_an_error_is_passed_on() -> None:
    def work(show: Callable[[int], None]) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        list(streamed(work))


def test_nobody_computes_for_a_closed_page() -> None:
    closed, stopped = Event(), Event()

    def work(show: Callable[[int], None]) -> None:
        show(1)
        assert closed.wait(10)
        try:
            while True:
                show(2)
        except Stopped:
            stopped.set()
            raise

    stream = streamed(work)
    next(stream)
    closed.set()
    stream.close()
    assert stopped.is_set()
