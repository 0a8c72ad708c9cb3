"""An upload with a slider of its slices, the same in several tabs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from scanvq.app.events import connect
from scanvq.app.service import Service
from scanvq.app.uploads import Upload, take_upload


@dataclass(frozen=True, kw_only=True)
class ScanInput:
    """The components of an upload.

    Attributes:
        scan: the state of the session, an `Upload` or None.
        number: the slice, counted from 1.
    """

    scan: gr.State
    number: gr.Slider


def scan_input(
    service: Service,
    *,
    name: str,
    label: str,
    show: Callable[[Upload, int], Any],
    outputs: list[Any],
) -> ScanInput:
    """Adds an upload to the page.

    Args:
        service: the app.
        name: begins the names of its events.
        label: of the upload.
        show: from a scan and a slice to the values of `outputs`, whenever one of them changes.
        outputs: components.
    """
    file = gr.File(label=label, height=130, elem_id=f"{name}-file")
    summary = gr.Markdown("No scan yet.")
    number = gr.Slider(1, 2, value=1, step=1, label="Slice", visible=False)
    scan = gr.State(None)

    def taken(path: str | None) -> tuple[Any, ...]:
        upload = take_upload(service.served.model, path, folder=service.folder, limits=service.limits)
        middle = upload.count // 2 + 1
        slider = gr.Slider(1, max(2, upload.count), value=middle, step=1, visible=upload.count > 1)
        return None, upload, upload.summary, slider, *show(upload, middle - 1)

    def moved(upload: Upload | None, shown: float) -> tuple[Any, ...]:
        if upload is None:
            return tuple(gr.skip() for _ in outputs)
        return tuple(show(upload, upload.place(shown)))

    connect(file.upload, taken, [file], [file, scan, summary, number, *outputs], name=f"{name}_upload")
    connect(number.release, moved, [scan, number], outputs, name=f"{name}_slice")
    return ScanInput(scan=scan, number=number)
