"""Options for scans and the slices of volumes: shortcuts for `--set data.plane=...` and similar settings."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer


class PlaneName(StrEnum):
    """The plane of the slices."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


PlaneOption = Annotated[
    PlaneName | None,
    typer.Option(
        "--plane",
        help="The plane of the slices. Default: that of the recipe, mostly axial.",
        show_default=False,
    ),
]
SlicesOption = Annotated[
    str | None,
    typer.Option(
        "--slices",
        help="The slices of a volume to use: foreground (without empty slices), all, 20:80 (20 to 79, "
        "counted from 0) or middle:32. Default: those of the recipe, mostly foreground.",
        show_default=False,
    ),
]
SpacingOption = Annotated[
    float | None,
    typer.Option(
        "--spacing",
        min=0.01,
        help="Resample slices to this pixel spacing in mm. Default: the original spacing.",
        show_default=False,
    ),
]

SyntheticOption = Annotated[
    bool,
    typer.Option(
        "--allow-synthetic",
        help="Keep files that are marked as synthetic, which are left out otherwise.",
    ),
]


def with_slice_options(
    overrides: Sequence[str],
    plane: PlaneName | None,
    slices: str | None,
    spacing: float | None,
    *,
    allow_synthetic: bool = False,
) -> list[str]:
    """The overrides of a recipe, with those of the options appended.

    Raises:
        ValueError: an invalid value of --slices.
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
    if allow_synthetic:
        given.append("data.allow_synthetic=true")
    return given
