"""Sessions of the page: nothing of a page that was closed is kept."""

from __future__ import annotations

import shutil
from pathlib import Path
from threading import Lock
from typing import Any

import gradio as gr


class Sessions:
    """The open pages.

    Args:
        folder: of uploads and pictures, emptied when no page is open.

    Attributes:
        states: Gradio's holder of what each session has in memory, which it would keep for another hour.
    """

    def __init__(self, folder: Path) -> None:
        self.states: Any = None
        self._folder, self._open, self._lock = folder, set[str](), Lock()

    def joined(self, request: gr.Request) -> None:
        """A page was opened."""
        with self._lock:
            self._open.add(str(request.session_hash))

    def left(self, request: gr.Request) -> None:
        """A page was closed."""
        session = str(request.session_hash)
        with self._lock:
            self._open.discard(session)
            self.states.session_data.pop(session, None)
            if not self._open:
                for each in self._folder.iterdir():
                    shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
