"""The command-line option to replace earlier outputs."""

from __future__ import annotations

from typing import Annotated

import typer

OverwriteOption = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace what an earlier command wrote there, whole. Other files, and files that were changed "
        "since, are never replaced.",
    ),
]
