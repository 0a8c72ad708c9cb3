"""Events of the page: one computation at a time, and refusals as a sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Sequence
from functools import wraps
from typing import Any

import gradio as gr

QUEUE = "model"
"""All events share this queue, of which one is carried out at a time."""


def connect(
    event: Callable[..., Any],
    function: Callable[..., Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    *,
    name: str,
) -> None:
    """Calls a function, or takes what a generator function yields, at an event of the page.

    Args:
        event: such as `button.click`.
        function: from the values of `inputs` to those of `outputs`; its ValueError and OSError are shown.
        inputs: components.
        outputs: components.
        name: of the event for programs, such as "create".
    """
    event(
        _refusing(function),
        inputs=list(inputs),
        outputs=list(outputs),
        api_name=name,
        api_visibility="undocumented",
        concurrency_id=QUEUE,
        concurrency_limit=1,
        show_progress="minimal",
    )


def _refusing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its errors as messages of the page, without a traceback."""
    if inspect.isgeneratorfunction(function):

        @wraps(function)
        def yielding(*values: Any) -> Generator[Any, None, None]:
            try:
                yield from function(*values)
            except (ValueError, OSError, FloatingPointError) as error:
                raise _message(error) from None

        return yielding

    @wraps(function)
    def calling(*values: Any) -> Any:
        try:
            return function(*values)
        except (ValueError, OSError, FloatingPointError) as error:
            raise _message(error) from None

    return calling


def _message(error: Exception) -> gr.Error:
    return gr.Error(str(error), title="Not possible", duration=None, print_exception=False)
