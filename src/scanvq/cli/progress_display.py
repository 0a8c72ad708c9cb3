"""Progress bars of the commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, cast

from rich.console import Console

from scanvq.cli.terminal_stream import TerminalStream

if TYPE_CHECKING:
    from scanvq.storage.run_directory import RunDirectory
    from scanvq.training.engine import Engine
    from scanvq.training.history import Logger
    from scanvq.training.loggers.terminal import TerminalLogger


class ProgressDisplay:
    """The terminal of one command.

    Args:
        quiet: show nothing, as on all processes but the main process.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(file=cast("IO[str]", TerminalStream()), quiet=quiet)

    def terminal(self) -> TerminalLogger:
        from scanvq.training.loggers.terminal import TerminalLogger

        return TerminalLogger(self.console)

    def progress_for(self, name: str) -> Callable[[int, int], None]:
        """A progress bar for counted work; it appears at the first call and ends when all is done."""
        from scanvq.training.loggers.counting import counted

        return counted(self.terminal(), name)

    def loggers(self, names: Sequence[str]) -> Callable[[Engine, RunDirectory], Sequence[Logger]]:
        """Makes the loggers of a training: this terminal and the named trackers."""

        def make(engine: Engine, run: RunDirectory) -> Sequence[Logger]:
            from scanvq.training.loggers.trackers import TrackerLogger

            trackers = TrackerLogger(engine.accelerator, names, logs=run.logs, run_name=run.path.name)
            return [self.terminal(), trackers]

        return make
