"""Progress of counted work, shown by a logger of training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class CountingLogger(Protocol):
    """A logger that also shows counted work."""

    def begin(self, stage: str) -> None: ...

    def count(self, done: int, total: int) -> None: ...

    def end(self, stage: str) -> None: ...


def counted(logger: CountingLogger, name: str) -> Callable[[int, int], None]:
    """A function of items done and all items: begins at the first call, ends when all is done."""
    started = False

    def count(done: int, total: int) -> None:
        nonlocal started
        if not started:
            logger.begin(name)
            started = True
        logger.count(done, total)
        if done >= total:
            logger.end(name)

    return count
