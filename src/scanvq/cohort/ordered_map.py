"""A parallel map whose results keep the order of the items."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered_map(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], *, prefetch: int
) -> Iterator[Result]:
    """Applies a function to items in parallel.

    Args:
        pool: the executor.
        function: called with each item.
        items: the items.
        prefetch: maximum number of results in memory.

    Returns:
        The results in the order of `items`.
    """
    running: deque[Future[Result]] = deque()
    for item in items:
        running.append(pool.submit(function, item))
        if len(running) >= prefetch:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()
