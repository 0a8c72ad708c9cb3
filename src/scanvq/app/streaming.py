"""A computation in a thread that shows what it has so far."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Stopped(Exception):  # noqa: N818 - ends a computation that nobody waits for
    """The receiver has gone."""


def streamed(work: Callable[[Callable[[Item], None]], Result]) -> Generator[Item, None, Result]:
    """Yields what `work` shows, and returns its result; items that come too fast are skipped.

    Args:
        work: is called with a function that shows an item. When the generator is closed, this function
            raises `Stopped` at its next call.
    """
    shown: SimpleQueue[Item | Future[Result]] = SimpleQueue()
    closed = Event()

    def show(item: Item) -> None:
        if closed.is_set():
            raise Stopped
        shown.put(item)

    with ThreadPoolExecutor(1) as executor:
        executor.submit(work, show).add_done_callback(shown.put)
        try:
            while True:
                newest = shown.get()
                while not isinstance(newest, Future) and not shown.empty():
                    newest = shown.get()
                if isinstance(newest, Future):
                    return newest.result()
                yield newest
        finally:
            closed.set()
