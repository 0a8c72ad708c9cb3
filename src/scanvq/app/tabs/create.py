"""The tab that creates images."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import gradio as gr

from scanvq.app.creating import Created, CreateRequest, create, created_html
from scanvq.app.events import connect
from scanvq.app.service import Service
from scanvq.conditions.space import CategoryCondition, NumberCondition

DRAWN = "drawn"
"""The choice of a condition that is not requested."""


def create_tab(service: Service) -> gr.State:
    """Adds the tab; returns the state of the session that holds what was created last."""
    model, limits = service.served.model, service.limits
    prior, defaults = model.prior, model.recipe.sampling
    created = gr.State(None)
    with gr.Row():
        with gr.Column(scale=1, min_width=260):
            count = gr.Slider(
                1, limits.images, value=min(16, limits.images), step=1, label="Images", elem_id="create-count"
            )
            seed = gr.Number(0, precision=0, minimum=0, label="Seed", info="The same seed, the same images")
            temperature = gr.Slider(
                0, 2, value=defaults.temperature, step=0.05, label="Temperature", info="Below 1: less diverse"
            )
            top_p = gr.Slider(
                0.05,
                1,
                value=defaults.top_p,
                step=0.05,
                label="Top-p",
                info="The likeliest codes that sum to p; 1 = all",
                visible=prior.supports_top_p,
            )
            guidance = gr.Slider(
                0,
                8,
                value=defaults.guidance,
                step=0.25,
                label="Guidance",
                info="Towards requested conditions; 1 = off",
                visible=prior.supports_guidance,
            )
            names = list(model.decoders.names)
            decoder = gr.Radio(
                names,
                value=names[0],
                label="Decoder",
                info="natural: adds the texture of scans, which is invented",
                visible=len(names) > 1,
            )
            wanted = [_condition_input(one) for one in model.conditions.conditions]
            button = gr.Button("Create", variant="primary", elem_id="create-button")
        with gr.Column(scale=4, min_width=300):
            sheet = gr.HTML(elem_id="create-sheet", value=_HINT)

    def run(
        count: float,
        seed: float,
        temperature: float,
        top_p: float,
        guidance: float,
        decoder: str,
        *values: Any,
    ) -> Generator[tuple[Any, str], None, None]:
        condition: dict[str, str | float] = {}
        given = iter(values)
        for one in model.conditions.conditions:
            requested = next(given)
            if isinstance(one, CategoryCondition):
                if requested != DRAWN:
                    condition[one.name] = requested
            elif (value := next(given)) is not None and requested:
                condition[one.name] = float(value)
        request = CreateRequest(
            count=int(count),
            seed=int(seed),
            temperature=temperature,
            top_p=top_p if prior.supports_top_p else None,
            guidance=guidance if condition and prior.supports_guidance else None,
            condition=condition,
            decoder=decoder,
        )
        for found in create(service.served, request, limits):
            yield found if isinstance(found, Created) else gr.skip(), created_html(found)

    inputs = [count, seed, temperature, top_p, guidance, decoder, *(one for each in wanted for one in each)]
    connect(button.click, run, inputs, [created, sheet], name="create")
    return created


_HINT = '<p class="note">Created images are synthetic: for research and teaching, not for diagnosis.</p>'


def _condition_input(condition: CategoryCondition | NumberCondition) -> list[Any]:
    """A choice for a category; a switch and a slider for a number."""
    if isinstance(condition, CategoryCondition):
        return [gr.Dropdown([DRAWN, *condition.values], value=DRAWN, label=condition.name)]
    with gr.Group():
        switch = gr.Checkbox(False, label=f"request {condition.name}")
        low, high = condition.low, condition.high
        if low < high:
            value: Any = gr.Slider(low, high, value=condition.mean, label=condition.name)
        else:
            value = gr.Number(low, label=condition.name)
    return [switch, value]
