"""The tab in which codes are a picture to edit."""

from __future__ import annotations

from typing import Any

import gradio as gr

from scanvq.app.code_editing import (
    CodeImage,
    clicked_cell,
    codes_of_created,
    codes_of_upload,
    decoded_html,
    grid_picture,
    marked,
    require_codes,
    with_code,
    with_region,
)
from scanvq.app.creating import Created
from scanvq.app.events import connect
from scanvq.app.service import Service
from scanvq.app.tabs.scan_input import scan_input
from scanvq.app.uploads import Upload

SET, TAKE, MARK = "set the code", "take its code", "mark a corner"


def codes_tab(service: Service, created: gr.State) -> None:
    """Adds the tab; `created` holds what was created last."""
    model, sizes = service.served.model, service.served.model.tokenizer.codebook_sizes
    image, other = gr.State(None), gr.State(None)
    with gr.Row():
        with gr.Column(scale=1, min_width=260):
            source, other_source = gr.Group(), gr.Accordion("Another scan, to copy a region from", open=False)
            click = gr.Radio([SET, TAKE, MARK], value=SET, label="A click on a cell")
            code = gr.Number(0, precision=0, minimum=0, label="Code", elem_id="codes-code")
            shapes = enumerate(model.code_shapes)
            levels = [(f"{number + 1}: {height}x{width}", number) for number, (height, width) in shapes]
            level = gr.Radio(levels, value=len(levels) - 1, label="Level", visible=len(levels) > 1)
            with gr.Row():
                copy = gr.Button("Copy region", min_width=80)
                undo = gr.Button("Undo", min_width=80)
        with gr.Column(scale=2, min_width=300):
            note = gr.Markdown(_HINT, elem_id="codes-note")
            grid = gr.Image(
                label="Codes",
                show_label=False,
                interactive=False,
                format="png",
                buttons=[],
                elem_id="codes-grid",
            )
        with gr.Column(scale=2, min_width=300):
            decoded = gr.HTML(elem_id="codes-decoded")
    shown = [image, grid, decoded, note]

    def page(found: CodeImage, level: int, text: str) -> tuple[Any, ...]:
        picture = grid_picture(found, level, codebook_size=sizes[level])
        return found, picture, decoded_html(model, found), text

    def encoded(upload: Upload, place: int) -> tuple[Any, ...]:
        found = codes_of_upload(model, upload, place)
        return page(found, len(sizes) - 1, found.name)

    def take_created(made: Created | None, number: float) -> tuple[Any, ...]:
        found = codes_of_created(made, number)
        return page(found, len(sizes) - 1, found.name)

    def other_encoded(upload: Upload, place: int) -> tuple[CodeImage]:
        return (codes_of_upload(model, upload, place),)

    def clicked(
        found: CodeImage | None, level: int, action: str, code: float, event: gr.SelectData
    ) -> tuple[Any, ...]:
        found = require_codes(found)
        cell = clicked_cell(found, level, *event.index)
        here = int(found.codes[level][cell])
        where = f"row {cell[0]}, column {cell[1]}"
        if action == SET:
            found = with_code(found, level, cell, code, codebook_size=sizes[level])
            return *page(found, level, f"{where}: code {here} is now {code:g}"), code
        found = marked(found, level, cell)
        return *page(found, level, f"{where}: code {here}"), here if action == TAKE else code

    def copied(found: CodeImage | None, theirs: CodeImage | None, level: int) -> tuple[Any, ...]:
        found = with_region(require_codes(found), require_codes(theirs))
        return page(found, level, "copied the marked region")

    def undone(found: CodeImage | None, level: int) -> tuple[Any, ...]:
        return page(require_codes(found).undone(), level, "undone")

    def leveled(found: CodeImage | None, level: int) -> Any:
        if found is None:
            return gr.skip()
        return grid_picture(found, level, codebook_size=sizes[level])

    with source:
        scan_input(service, name="codes", label="Scan", show=encoded, outputs=shown)
        number = gr.Number(1, precision=0, minimum=1, label="or the created image")
        take = gr.Button("Take the created image", elem_id="codes-take")
    with other_source:
        scan_input(service, name="other", label="Other scan", show=other_encoded, outputs=[other])
    connect(take.click, take_created, [created, number], shown, name="codes_created")
    connect(grid.select, clicked, [image, level, click, code], [*shown, code], name="codes_click")
    connect(copy.click, copied, [image, other, level], shown, name="codes_copy")
    connect(undo.click, undone, [image, level], shown, name="codes_undo")
    connect(level.change, leveled, [image, level], [grid], name="codes_level")


_HINT = "Upload a scan or take a created image; then click its codes."
