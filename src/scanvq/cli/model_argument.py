"""The argument that names a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ModelArgument = Annotated[
    Path,
    typer.Argument(help="A run, a file of `Model.save`, or the name of a model, see `scanvq models list`."),
]
