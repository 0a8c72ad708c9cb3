"""`scanvq data`: look at a folder of scans, prepare it, make the demo cohort."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanvq.cli.slice_options import PlaneName, PlaneOption, SlicesOption, SpacingOption

if TYPE_CHECKING:
    from scanvq.store.run_data import RunData

app = typer.Typer(help="Look at a folder of scans, prepare it, make a demo cohort.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="A folder of scans, or a CSV of path, subject, split, label.")]


class Layout(StrEnum):
    """The trees that the demo cohort can be written in."""

    OASIS = "oasis"
    HIPMRI = "hipmri"
    ADNI = "adni"


@app.command()
def inspect(
    folder: Folder,
    plane: Annotated[PlaneName, typer.Option(help="How volumes are cut.")] = PlaneName.AXIAL,
    slices: Annotated[
        str, typer.Option(help="Which slices of a volume are counted: foreground, all, 20:80 or middle:32.")
    ] = "foreground",
    subject: Annotated[
        str,
        typer.Option(help="A regular expression over the paths, whose first group is the subject."),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole fingerprint as JSON.")] = False,
) -> None:
    """Tell what a folder holds: files, who is who, splits, labels, sizes, value ranges, anything odd.

    Example: `scanvq data inspect scans/`
    """
    import json

    from scanvq.cli.inspect_view import condition_lines, lines_of
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.cohort.catalog_reader import read_catalog
    from scanvq.cohort.condition_summary import summarize_conditions
    from scanvq.cohort.survey import Survey

    display = ProgressDisplay()
    catalog = read_catalog(folder, subject=subject)
    survey = Survey.of(catalog, plane=plane.value, slices=slices, progress=display.progress_for("inspect"))
    found = dict(survey.fingerprint)
    found["conditions"] = summarize_conditions(catalog, volumes=found["volumes"])
    lines = [*lines_of(found), *condition_lines(found["conditions"])]
    print(json.dumps(found, indent=1) if as_json else "\n".join(lines))


@app.command()
def prepare(
    folder: Folder,
    recipe: Annotated[str, typer.Option(help="The recipe to prepare for.")] = "oasis-vqvae-gated-pixelcnn",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="A setting in place of the recipe's: section.key=value.")
    ] = None,
    plane: PlaneOption = None,
    slices: SlicesOption = None,
    spacing: SpacingOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the splits.")] = 0,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave unusable files out.")] = False,
    allow_leak: Annotated[
        bool, typer.Option("--allow-leak", help="Go on though subjects or scans are on two sides.")
    ] = False,
) -> None:
    """Read every scan once into the prepared store, which `fit` then finds ready.

    May be interrupted; the next call goes on. The store is in $SCANVQ_CACHE, else in the user's cache.

    Example: `scanvq data prepare scans/ --skip-bad`
    """
    from scanvq.cli.slice_options import with_cutting
    from scanvq.store.run_data import SPLITS

    settings = with_cutting(overrides or (), plane, slices, spacing)
    data = _prepared(folder, recipe, settings, seed=seed, skip_bad=skip_bad, allow_leak=allow_leak)
    geometry = data.preparation.geometry
    counts = ", ".join(f"{len(data.rows(split)):,} {split}" for split in SPLITS)
    print(
        f"{len(data.store):,} slices of {geometry.height}x{geometry.width} ({counts}) in {data.store.folder}"
    )
    if data.store.replaced:
        print("files had changed since they were last prepared: the old store is replaced")
    for path, reason in data.store.skipped:
        print(f"left out {path}: {reason}")
    if data.leaks:
        print(f"LEAK, allowed: {len(data.leaks)} subjects or scans are on two sides of a split")


@app.command()
def check(
    folder: Folder,
    recipe: Annotated[str, typer.Option(help="The recipe to prepare for.")] = "oasis-vqvae-gated-pixelcnn",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="A setting in place of the recipe's: section.key=value.")
    ] = None,
    plane: PlaneOption = None,
    slices: SlicesOption = None,
    spacing: SpacingOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the splits.")] = 0,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave unusable files out.")] = False,
) -> None:
    """Look for leaks: subjects on two sides of a split, and scans there under two names.

    Copies are found mirrored, moved by a few pixels, brightened, noisy or saved as JPEG, too. All are listed;
    the exit code is 1 if there are any.

    Example: `scanvq data check scans/`
    """
    from scanvq.cli.slice_options import with_cutting
    from scanvq.store.run_data import SPLITS

    settings = with_cutting(overrides or (), plane, slices, spacing)
    data = _prepared(folder, recipe, settings, seed=seed, skip_bad=skip_bad, allow_leak=True)
    counts = ", ".join(f"{len(data.rows(split)):,} {split}" for split in SPLITS)
    print(f"{counts} slices: {len(data.leaks) or 'no'} leaks between the splits")
    for leak in data.leaks:
        print(f"  {leak}")
    if data.leaks:
        raise typer.Exit(1)


@app.command("demo")
def demo_(
    out: Annotated[Path, typer.Argument(help="The folder to make.")],
    subjects: Annotated[int, typer.Option(min=4, help="How many people.")] = 60,
    slices: Annotated[int, typer.Option(min=1, help="Slices of each.")] = 8,
    layout: Annotated[
        Layout, typer.Option(help="The tree, names and sizes of which data set.")
    ] = Layout.OASIS,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same cohort.")] = 0,
) -> None:
    """Make a cohort of synthetic brains, in the layout of one of the three course data sets.

    Example: `scanvq data demo demo-scans --subjects 40 --slices 8 --layout adni`
    """
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.synthetic.layouts import write_demo

    write_demo(
        out,
        subjects=subjects,
        slices=slices,
        layout=layout.value,
        seed=seed,
        progress=ProgressDisplay().progress_for("synthesize"),
    )
    print(f"wrote {subjects} subjects, {slices} slices each, to {out}")


def _prepared(
    folder: Path, recipe: str, overrides: Sequence[str], *, seed: int, skip_bad: bool, allow_leak: bool
) -> RunData:
    """The slices of a folder as a recipe wants them, with bars."""
    from scanvq.build import make_tokenizer
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.recipe.reading import read_recipe
    from scanvq.store.run_data import prepare_data, survey_data

    completed = read_recipe(recipe, overrides=overrides)
    display = ProgressDisplay()
    return prepare_data(
        survey_data(folder, completed.data, completed.preparation, seed=seed),
        completed.preparation,
        multiple=make_tokenizer(completed.tokenizer).multiple,
        skip_bad=skip_bad,
        allow_leak=allow_leak,
        progress=display.progress_for("prepare"),
        checking=display.progress_for("leak check"),
    )
