"""The tab that scores an upload."""

from __future__ import annotations

from typing import Any

import gradio as gr

from scanvq.app.events import connect
from scanvq.app.pictures import Figure, figures_html, png
from scanvq.app.scoring import score
from scanvq.app.service import Service
from scanvq.app.tabs.scan_input import scan_input
from scanvq.app.uploads import Upload, require


def score_tab(service: Service) -> None:
    """Adds the tab."""
    with gr.Row():
        with gr.Column(scale=1, min_width=260):
            holder = gr.Column()
            button = gr.Button("Score this slice", elem_id="score-button", variant="primary")
        with gr.Column(scale=3, min_width=300):
            result = gr.HTML(elem_id="score-result")

    def shown(upload: Upload, place: int) -> tuple[str]:
        figure = Figure(png=png(upload.picture(upload.scan.slices[place])), caption="as it was given")
        return (figures_html([[figure]], wide=True),)

    def run(upload: Upload | None, number: float) -> Any:
        upload = require(upload)
        return score(service.served, upload, upload.place(number))

    with holder:
        given = scan_input(service, name="score", label="Scan", show=shown, outputs=[result])
    connect(button.click, run, [given.scan, given.number], [result], name="score")
