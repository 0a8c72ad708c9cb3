"""Shows pictures and changing text: in a notebook, or with the viewer of the desktop."""

from __future__ import annotations

import io
import sys
from typing import Any


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")  # a kernel has imported it
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def show_png(png: bytes) -> None:
    """Shows a picture below the cell of a notebook, elsewhere with the image viewer of the desktop."""
    if in_notebook():
        from IPython.display import Image, display

        display(Image(data=png, format="png"))
        return
    from PIL import Image as Picture

    with Picture.open(io.BytesIO(png)) as picture:
        picture.show()


class ChangingText:
    """A line below the cell of a notebook that is replaced as work goes on."""

    def __init__(self) -> None:
        self._handle: Any = None

    def set(self, text: str) -> None:
        """Shows the text in place of the one before."""
        from IPython.display import display

        content = {"text/plain": text}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)
