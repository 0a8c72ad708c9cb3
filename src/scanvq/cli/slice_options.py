"""The options that say how volumes become slices, short for `--set data.plane=...` and the like."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer


class PlaneName(StrEnum):
    """How volumes are cut."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


PlaneOption = Annotated[
    PlaneName | None,
    typer.Option(
        "--plane", help="How volumes are cut. Default: the recipe's, mostly axial.", show_default=False
    ),
]
SlicesOption = Annotated[
    str | None,
    typer.Option(
        "--slices",
        help="Which slices of a volume: foreground (leaves empty ones out), all, 20:80 (20 to 79, counted "
        "from 0) or middle:32. Default: the recipe's, mostly foreground.",
        show_default=False,
    ),
]
SpacingOption = Annotated[
    float | None,
    typer.Option(
        "--spacing",
        min=0.01,
        help="Bring slices to this many millimeters a pixel. Default: as they are.",
        show_default=False,
    ),
]


def with_cutting(
    overrides: Sequence[str], plane: PlaneName | None, slices: str | None, spacing: float | None
) -> list[str]:
    """The overrides of a recipe, with those that the options stand for.

    Raises:
        ValueError: slices of an unknown kind.
    """
    given = list(overrides)
    if plane is not None:
        given.append(f"data.plane={plane.value}")
    if slices is not None:
        from scanvq.imaging.slice_selection import check_slices

        check_slices(slices)
        given.append(f"data.slices={slices}")
    if spacing is not None:
        given.append(f"preparation.spacing={spacing!r}")
    return given
