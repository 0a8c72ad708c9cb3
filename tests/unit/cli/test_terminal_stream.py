"""Standard error that outlives its terminal."""

from __future__ import annotations

import errno
import io
import sys

import pytest

from scanvq.cli.terminal_stream import TerminalStream


class ClosedTerminal(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


def test_it_writes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    TerminalStream().write("progress")
    assert capsys.readouterr().err == "progress"


def test_output_to_a_closed_terminal_is_discarded(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = TerminalStream()
    monkeypatch.setattr(sys, "stderr", ClosedTerminal())
    assert stream.write("lost") == 4
    stream.flush()
    assert not stream.isatty()
