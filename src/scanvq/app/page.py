"""The page of the app: a header and its tabs."""

from __future__ import annotations

from html import escape
from importlib import resources

import gradio as gr

from scanvq.app.service import Service
from scanvq.app.tabs.codes import codes_tab
from scanvq.app.tabs.compare import compare_tab
from scanvq.app.tabs.complete import complete_tab
from scanvq.app.tabs.create import create_tab
from scanvq.app.tabs.reader import reader_tab
from scanvq.app.tabs.score import score_tab

KEPT = (60, 1800)
"""Every minute, pictures of the page that are older than half an hour are deleted."""


def make_page(service: Service) -> gr.Blocks:
    """The page, not started yet."""
    served = service.served
    with gr.Blocks(title=f"ScanVQ: {served.name}", analytics_enabled=False, delete_cache=KEPT) as page:
        gr.HTML(_header(service))
        created: gr.State | None = None
        if served.model.has_prior:
            with gr.Tab("Create"):
                created = create_tab(service)
            with gr.Tab("Complete"):
                complete_tab(service)
        with gr.Tab("Codes"):
            codes_tab(service, created or gr.State(None))
        with gr.Tab("Score"):
            score_tab(service)
        if served.model.has_prior:
            with gr.Tab("Compare"):
                compare_tab(service)
            with gr.Tab("Reader test"):
                reader_tab(service)
    page.queue(max_size=service.limits.waiting, default_concurrency_limit=1, api_open=False)
    return page


def theme() -> gr.themes.Base:
    """With the fonts of the system: none is loaded from elsewhere."""
    fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
    return gr.themes.Base(
        primary_hue="cyan", neutral_hue="slate", font=fonts, font_mono=["ui-monospace", "monospace"]
    )


def css() -> str:
    """The style of what the tabs show."""
    return (resources.files("scanvq.app") / "app.css").read_text(encoding="utf-8")


def _header(service: Service) -> str:
    served = service.served
    kinds = [served.model.recipe.sections["tokenizer"]["kind"]]
    if served.model.has_prior:
        kinds.append(served.model.recipe.sections["prior"]["kind"])
    geometry = served.model.preparation.geometry
    return (
        f"<h1>{escape(served.name)}</h1>"
        f'<p class="note">{escape(" + ".join(kinds))}, images of {geometry.height}x{geometry.width}, model '
        f"{escape(served.model.id)}. All output is synthetic. Uploads stay on this computer, in memory, "
        "until the page is closed.</p>"
    )
