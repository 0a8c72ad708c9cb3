"""Two models side by side: images of the same seed, and their scores."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from scanvq.app.creating import Created, CreateRequest, create, created_html
from scanvq.app.limits import Limits
from scanvq.app.served_model import ServedModel
from scanvq.comparison.compare import compared, read_runs
from scanvq.report.tables.markdown import markdown


def compare_images(
    models: tuple[ServedModel, ServedModel], *, count: int, seed: int, limits: Limits
) -> Iterator[tuple[str, str]]:
    """Creates images of the same seed with both, one after the other; yields the pages of both."""
    pages = ["", ""]
    for place, served in enumerate(models):
        for found in create(served, CreateRequest(count=count, seed=seed), limits):
            pages[place] = f"<h3>{escape(served.name)}</h3>" + created_html(found)
            yield pages[0], pages[1]
            if isinstance(found, Created):
                break


def compare_scores(models: tuple[ServedModel, ServedModel]) -> str:
    """The tables of `scanvq compare` as Markdown, or why there are none."""
    files = [str(served.path) for served in models if not served.path.is_dir()]
    if files:
        return f"No scores: {' and '.join(files)} is a model without its run."
    try:
        tables = compared(read_runs([served.path for served in models]))
    except (OSError, ValueError) as error:
        return f"No scores: {error}"
    return "\n\n".join(f"### {table.caption}\n\n{markdown(table)}" for table in tables)
