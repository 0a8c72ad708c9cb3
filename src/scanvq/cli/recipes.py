"""`scanvq recipes`: list recipes, show a completed recipe, copy a recipe to edit it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="List recipes, show a completed recipe, copy a recipe to edit it.",
    invoke_without_command=True,
    rich_markup_mode="markdown",
)


@app.callback()
def _default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_()


@app.command("list")
def list_() -> None:
    """List the recipes that come with ScanVQ.

    Example: `scanvq recipes list`
    """
    from scanvq.recipe.reading import read_recipe, recipe_names

    names = recipe_names()
    width = max(map(len, names))
    for name in names:
        print(f"{name:<{width}}  {read_recipe(name).about.get('summary', '')}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of a recipe, or a TOML file.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Override a setting of the recipe: section.key=value.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Image size HEIGHTxWIDTH for the code grid.", show_default=False)
    ] = None,
    classes: Annotated[int, typer.Option(min=0, help="Number of class labels of the prior.")] = 0,
) -> None:
    """Show a completed recipe: every setting, parameters by part, code grids, bits per pixel.

    Example: `scanvq recipes show oasis-vqvae-gated-pixelcnn --size 256x256`
    """
    from scanvq.recipe.description import describe_recipe
    from scanvq.recipe.reading import read_recipe

    recipe = read_recipe(name, overrides=overrides or ())
    print(recipe.toml())
    for line in describe_recipe(recipe, size=_size(size), classes=classes):
        print(f"# {line}")


@app.command()
def copy(
    name: Annotated[str, typer.Argument(help="Name of a recipe.")],
    file: Annotated[Path, typer.Argument(help="The TOML file to write.")],
) -> None:
    """Copy a recipe to a file, to edit it and train with `--recipe FILE`.

    Example: `scanvq recipes copy tiny mine.toml`
    """
    from scanvq.recipe.reading import recipe_text
    from scanvq.storage.files import write_text

    text = recipe_text(name)
    if file.suffix != ".toml":
        raise ValueError(f"{file} must end in .toml, so that --recipe reads it as a file")
    if file.exists():
        raise ValueError(f"{file} exists already; choose another name or remove it")
    write_text(file, text)
    print(f"wrote {file}")


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    height, _, width = text.lower().partition("x")
    if not (height.isdigit() and width.isdigit()):
        raise ValueError(f"--size {text!r} is not of the form HEIGHTxWIDTH, such as 256x128")
    return int(height), int(width)
