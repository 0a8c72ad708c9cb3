"""What the commands show while they work: a progress bar for each long piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from scanvq.storage.run_directory import RunDirectory
    from scanvq.training.engine import Engine
    from scanvq.training.history import Logger
    from scanvq.training.loggers.terminal import TerminalLogger


class ProgressDisplay:
    """The terminal of one command.

    Args:
        quiet: show nothing (processes other than the main one).
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet)

    def terminal(self) -> TerminalLogger:
        from scanvq.training.loggers.terminal import TerminalLogger

        return TerminalLogger(self.console)

    def progress_for(self, name: str) -> Callable[[int, int], None]:
        """A progress bar for counted work; it appears with the first piece and ends with the last."""
        logger = self.terminal()
        begun = False

        def count(done: int, total: int) -> None:
            nonlocal begun
            if not begun:
                logger.begin(name)
                begun = True
            logger.count(done, total)
            if done >= total:
                logger.end(name)

        return count

    def loggers(self, names: Sequence[str]) -> Callable[[Engine, RunDirectory], Sequence[Logger]]:
        """Makes the watchers of a training: this terminal and the trackers asked for."""

        def make(engine: Engine, run: RunDirectory) -> Sequence[Logger]:
            from scanvq.training.loggers.trackers import TrackerLogger

            trackers = TrackerLogger(engine.accelerator, names, logs=run.logs, run_name=run.path.name)
            return [self.terminal(), trackers]

        return make
