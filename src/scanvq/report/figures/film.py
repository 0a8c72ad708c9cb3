"""The pictures of a training as an animated GIF."""

from __future__ import annotations

import io
from dataclasses import replace

from PIL import Image

from scanvq.report.figures.tiles import Sheet

FRAME, LAST = 600, 2400  # milliseconds that a picture is shown


def film(sheet: Sheet) -> bytes:
    """A sheet of progress as GIF: a frame for each row of a step, above the rows that stay the same.

    Args:
        sheet: rows of the steps in their order, each with a heading "step N"; then any others.
    """
    steps = [row for row in sheet.rows if row.heading.startswith("step ")]
    others = tuple(row for row in sheet.rows if row not in steps)
    frames = [
        Image.open(io.BytesIO(replace(sheet, rows=(row, *others)).png())).quantize(dither=Image.Dither.NONE)
        for row in steps
    ]
    buffer = io.BytesIO()
    durations = [*[FRAME] * (len(frames) - 1), LAST]
    frames[0].save(
        buffer, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0, disposal=1
    )
    return buffer.getvalue()
