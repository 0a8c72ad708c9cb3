"""Renders the templates of this package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources

from markupsafe import Markup, escape


def render(template: str, values: Mapping[str, object]) -> str:
    """A template with its values; every text is escaped, and an unknown name is an error.

    Args:
        template: file name of a template.
        values: by name.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_text),
        autoescape=template.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = marked
    return environment.get_template(template).render(values)


def marked(text: str) -> Markup:
    """A sentence as HTML: what stands between backticks is code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def style() -> Markup:
    """The style sheet of every page."""
    return Markup(_text("style.css"))


def script(name: str) -> Markup:
    """A script of this package."""
    return Markup(_text(name))


def _text(name: str) -> str:
    return (resources.files("scanvq.report.templates") / name).read_text(encoding="utf-8")
