"""The option `--goal` of `plan` and `fit`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class GoalName(StrEnum):
    """What a planned model is for."""

    CREATE = "create"
    RECONSTRUCT = "reconstruct"
    COMPRESS = "compress"


GoalOption = Annotated[
    GoalName | None,
    typer.Option(
        help="What the model is for, which decides how the budget is shared: create new scans (default), "
        "reconstruct them as well as possible, or compress them to few bits.",
        show_default=False,
    ),
]
