"""What the commands show while they work: a progress bar for each long piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from scanvq.storage.run_directory import RunDirectory
    from scanvq.training.engine import Engine
    from scanvq.training.history import Watcher
    from scanvq.training.watchers.terminal import TerminalWatcher


class Watching:
    """The terminal of one command.

    Args:
        quiet: show nothing (processes other than the main one).
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet)

    def terminal(self) -> TerminalWatcher:
        from scanvq.training.watchers.terminal import TerminalWatcher

        return TerminalWatcher(self.console)

    def counted(self, name: str) -> Callable[[int, int], None]:
        """A progress bar for counted work; it appears with the first piece and ends with the last."""
        watcher = self.terminal()
        begun = False

        def count(done: int, total: int) -> None:
            nonlocal begun
            if not begun:
                watcher.begin(name)
                begun = True
            watcher.count(done, total)
            if done >= total:
                watcher.end(name)

        return count

    def watchers(self, names: Sequence[str]) -> Callable[[Engine, RunDirectory], Sequence[Watcher]]:
        """Makes the watchers of a training: this terminal and the trackers asked for."""

        def make(engine: Engine, run: RunDirectory) -> Sequence[Watcher]:
            from scanvq.training.watchers.trackers import TrackerWatcher

            trackers = TrackerWatcher(engine.accelerator, names, logs=run.logs, run_name=run.path.name)
            return [self.terminal(), trackers]

        return make
