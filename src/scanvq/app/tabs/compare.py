"""The tab that compares two models."""

from __future__ import annotations

from collections.abc import Generator

import gradio as gr

from scanvq.app.comparing import compare_images, compare_scores
from scanvq.app.events import connect
from scanvq.app.service import Service

MOST = 16  # images of each


def compare_tab(service: Service) -> None:
    """Adds the tab."""
    if service.compared is None:
        gr.Markdown("Start the app with a second model to compare it: `scanvq app RUN --compare OTHER`.")
        return
    models = (service.served, service.compared)
    with gr.Row():
        count = gr.Slider(1, MOST, value=4, step=1, label="Images of each")
        seed = gr.Number(0, precision=0, minimum=0, label="Seed")
        button = gr.Button("Create with both", elem_id="compare-button", variant="primary")
    with gr.Row():
        first, second = gr.HTML(elem_id="compare-first"), gr.HTML(elem_id="compare-second")
    gr.Markdown(compare_scores(models))

    def run(count: float, seed: float) -> Generator[tuple[str, str], None, None]:
        yield from compare_images(models, count=int(count), seed=int(seed), limits=service.limits)

    connect(button.click, run, [count, seed], [first, second], name="compare")
