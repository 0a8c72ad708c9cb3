"""The tab that completes what is painted over."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import gradio as gr

from scanvq.app.completing import complete, painted_mask
from scanvq.app.events import connect
from scanvq.app.pictures import enlarged
from scanvq.app.service import Service
from scanvq.app.tabs.scan_input import scan_input
from scanvq.app.uploads import Upload, require

SIDE = 640  # pixels of the picture that is painted on


def complete_tab(service: Service) -> None:
    """Adds the tab."""
    model, limits = service.served.model, service.limits
    if not model.prior.can_inpaint:
        gr.Markdown("The prior of this model creates whole images only, so it cannot complete a scan.")
        return
    with gr.Row():
        with gr.Column(scale=1, min_width=260):
            holder = gr.Column(elem_id="complete-panel")
            count = gr.Slider(
                1, limits.completions, value=min(4, limits.completions), step=1, label="Completions"
            )
            seed = gr.Number(0, precision=0, minimum=0, label="Seed")
            names = list(model.decoders.names)
            decoder = gr.Radio(names, value=names[0], label="Decoder", visible=len(names) > 1)
            button = gr.Button("Complete", elem_id="complete-button", variant="primary")
        with gr.Column(scale=3, min_width=300):
            editor = gr.ImageEditor(
                label="Paint over the region to complete",
                type="numpy",
                sources=(),
                transforms=(),
                layers=False,
                brush=gr.Brush(
                    default_size=24, colors=["#ff5a36"], default_color="#ff5a36", color_mode="fixed"
                ),
                format="png",
                buttons=[],
                height=560,
                elem_id="complete-editor",
            )
    result = gr.HTML(elem_id="complete-result")
    with holder:
        given = scan_input(service, name="complete", label="Scan", show=_shown, outputs=[editor])

    def run(
        upload: Upload | None, number: float, drawing: Any, count: float, seed: float, decoder: str
    ) -> Generator[str, None, None]:
        upload = require(upload)
        place = upload.place(number)
        mask = painted_mask(drawing, upload.scan.slices.shape[1:])
        yield from complete(
            service.served,
            upload,
            place,
            mask,
            count=int(count),
            seed=int(seed),
            decoder=decoder,
            limits=limits,
        )

    connect(
        button.click,
        run,
        [given.scan, given.number, editor, count, seed, decoder],
        [result],
        name="complete",
    )


def _shown(upload: Upload, place: int) -> tuple[dict[str, Any]]:
    picture = enlarged(upload.picture(upload.scan.slices[place]), SIDE)
    return ({"background": picture, "layers": [], "composite": None},)
