"""Sessions of the page: when the last one is closed, nothing of them is left."""

from __future__ import annotations

import shutil
from pathlib import Path
from threading import Lock

import gradio as gr


class Sessions:
    """The open pages.

    Args:
        folder: of uploads and pictures, emptied when no page is open.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._open, self._lock = folder, set[str](), Lock()

    def joined(self, request: gr.Request) -> None:
        """A page was opened."""
        with self._lock:
            self._open.add(str(request.session_hash))

    def left(self, request: gr.Request) -> None:
        """A page was closed."""
        with self._lock:
            self._open.discard(str(request.session_hash))
            if not self._open:
                for each in self._folder.iterdir():
                    shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
