"""`scanvq models`: list the models that come with ScanVQ, show one."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    help="List the models that come with ScanVQ, show one.",
    invoke_without_command=True,
    rich_markup_mode="markdown",
)


@app.callback()
def _default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_()


@app.command("list")
def list_() -> None:
    """List the models that come with ScanVQ. Their names stand wherever a run does, without network.

    Example: `scanvq models list`
    """
    from scanvq.model.description import summarize_model
    from scanvq.model.source import read_model, shipped_models

    files = shipped_models()
    if not files:
        print("this installation has no models; train one with `scanvq fit`")
    width = max(map(len, files), default=0)
    for name, file in files.items():
        print(f"{name:<{width}}  {summarize_model(read_model(file))}, {file.stat().st_size / 2**20:.1f} MB")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of a model, a run, or a model file.")],
) -> None:
    """Show a model: its parts, images, codes, conditions and sampling defaults; of a shipped model the card.

    Example: `scanvq models show NAME`
    """
    from scanvq.model.description import card_of, describe_model
    from scanvq.model.source import read_model

    for line in describe_model(read_model(name)):
        print(line)
    if card := card_of(name):
        print(f"\n{card}", end="")
