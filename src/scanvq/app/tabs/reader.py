"""The tab of the reader test."""

from __future__ import annotations

import gradio as gr

from scanvq.app.events import connect
from scanvq.app.reader_test import reader_test
from scanvq.app.service import Service


def reader_tab(service: Service) -> None:
    """Adds the tab."""
    limits, names = service.limits, list(service.served.model.decoders.names)
    with gr.Row():
        count = gr.Slider(2, limits.quiz_images, value=20, step=2, label="Images")
        seed = gr.Number(0, precision=0, minimum=0, label="Seed")
        decoder = gr.Radio(names, value=names[0], label="Decoder", visible=len(names) > 1)
        button = gr.Button("Make a test", elem_id="reader-button", variant="primary")
    page = gr.HTML(elem_id="reader-page")

    def run(count: float, seed: float, decoder: str) -> str:
        return reader_test(service.served, count=int(count), seed=int(seed), decoder=decoder, limits=limits)

    connect(button.click, run, [count, seed, decoder], [page], name="reader_test")
