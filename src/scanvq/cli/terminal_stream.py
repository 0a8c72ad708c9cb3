"""Standard error that outlives its terminal."""

from __future__ import annotations

import sys


class TerminalStream:
    """Writes to standard error; once its terminal is closed, output is discarded.

    A closed terminal (a lost ssh connection) must not end the training with an error before it is saved.
    """

    def __init__(self) -> None:
        self._gone = False

    @property
    def encoding(self) -> str:
        """Of standard error."""
        return sys.stderr.encoding

    def isatty(self) -> bool:
        return not self._gone and sys.stderr.isatty()

    def fileno(self) -> int:
        return sys.stderr.fileno()

    def write(self, text: str) -> int:
        if not self._gone:
            try:
                sys.stderr.write(text)
            except OSError:
                self._gone = True
        return len(text)

    def flush(self) -> None:
        if not self._gone:
            try:
                sys.stderr.flush()
            except OSError:
                self._gone = True
