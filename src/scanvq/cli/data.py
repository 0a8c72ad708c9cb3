"""`scanvq data`: inspect, prepare and check a folder of scans; write the demo cohort."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanvq.cli.slice_options import PlaneName, PlaneOption, SlicesOption, SpacingOption, SyntheticOption

if TYPE_CHECKING:
    from scanvq.store.run_data import RunData

app = typer.Typer(
    help="Inspect, prepare and check a folder of scans; write a demo cohort.", no_args_is_help=True
)

Folder = Annotated[Path, typer.Argument(help="A folder of scans, or a CSV of path, subject, split, label.")]


class LayoutName(StrEnum):
    """The folder layouts of the demo cohort."""

    OASIS = "oasis"
    HIPMRI = "hipmri"
    ADNI = "adni"


@app.command()
def inspect(
    folder: Folder,
    plane: Annotated[PlaneName, typer.Option(help="The plane of the slices.")] = PlaneName.AXIAL,
    slices: Annotated[
        str, typer.Option(help="The slices of a volume to count: foreground, all, 20:80 or middle:32.")
    ] = "foreground",
    subject: Annotated[
        str,
        typer.Option(help="A regular expression on the paths; its first group is the subject."),
    ] = "",
    allow_synthetic: SyntheticOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the complete fingerprint as JSON.")] = False,
) -> None:
    """Show the content of a folder: files, subjects, splits, labels, sizes, intensities, and warnings.

    Example: `scanvq data inspect scans/`
    """
    import json

    from scanvq.cli.inspect_view import condition_lines, fingerprint_lines
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.cohort.catalog_reader import read_catalog
    from scanvq.cohort.condition_summary import summarize_conditions
    from scanvq.cohort.survey import Survey
    from scanvq.imaging.display import display_name

    display = ProgressDisplay()
    catalog = read_catalog(folder, subject=subject, allow_synthetic=allow_synthetic)
    survey = Survey.of(catalog, plane=plane.value, slices=slices, progress=display.progress_for("inspect"))
    found = dict(survey.fingerprint)
    found["conditions"] = summarize_conditions(catalog, volumes=found["volumes"])
    lines = [display_name(x) for x in (*fingerprint_lines(found), *condition_lines(found["conditions"]))]
    print(json.dumps(found, indent=1) if as_json else "\n".join(lines))


@app.command()
def prepare(
    folder: Folder,
    recipe: Annotated[str, typer.Option(help="The recipe to prepare for.")] = "oasis-vqvae-gated-pixelcnn",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Override a setting of the recipe: section.key=value.")
    ] = None,
    plane: PlaneOption = None,
    slices: SlicesOption = None,
    spacing: SpacingOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the splits.")] = 0,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave unusable files out.")] = False,
    allow_synthetic: SyntheticOption = False,
    allow_leak: Annotated[
        bool, typer.Option("--allow-leak", help="Prepare although splits share subjects or scans.")
    ] = False,
) -> None:
    """Read every scan once into the prepared store, which `fit` reuses.

    Can be interrupted; the next call resumes. The store is in $SCANVQ_CACHE, else in the cache folder of the
    user.

    Example: `scanvq data prepare scans/ --skip-bad`
    """
    from scanvq.cli.slice_options import with_slice_options
    from scanvq.imaging.display import display_name
    from scanvq.store.run_data import SPLITS

    settings = with_slice_options(overrides or (), plane, slices, spacing, allow_synthetic=allow_synthetic)
    data = _prepared(folder, recipe, settings, seed=seed, skip_bad=skip_bad, allow_leak=allow_leak)
    geometry = data.preparation.geometry
    counts = ", ".join(f"{len(data.rows(split)):,} {split}" for split in SPLITS)
    print(
        f"{len(data.store):,} slices of {geometry.height}x{geometry.width} ({counts}) in {data.store.folder}"
    )
    if data.store.replaced:
        print("files have changed since the last preparation: the old store is replaced")
    for path, reason in data.store.skipped:
        print(f"left out {display_name(path)}: {display_name(reason)}")
    if data.leaks:
        print(f"LEAK, allowed: {len(data.leaks)} subjects or scans are shared between splits")


@app.command()
def check(
    folder: Folder,
    recipe: Annotated[str, typer.Option(help="The recipe to prepare for.")] = "oasis-vqvae-gated-pixelcnn",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Override a setting of the recipe: section.key=value.")
    ] = None,
    plane: PlaneOption = None,
    slices: SlicesOption = None,
    spacing: SpacingOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the splits.")] = 0,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave unusable files out.")] = False,
    allow_synthetic: SyntheticOption = False,
) -> None:
    """Search for leaks: subjects in two splits, and copies of a scan in two splits.

    Copies are found if mirrored, shifted by a few pixels, brightened, noisy or saved as JPEG, too. All leaks
    are listed; the exit code is 1 if there are any.

    Example: `scanvq data check scans/`
    """
    from scanvq.cli.slice_options import with_slice_options
    from scanvq.store.run_data import SPLITS

    settings = with_slice_options(overrides or (), plane, slices, spacing, allow_synthetic=allow_synthetic)
    data = _prepared(folder, recipe, settings, seed=seed, skip_bad=skip_bad, allow_leak=True)
    counts = ", ".join(f"{len(data.rows(split)):,} {split}" for split in SPLITS)
    print(f"{counts} slices: {len(data.leaks) or 'no'} leaks between the splits")
    for leak in data.leaks:
        print(f"  {leak}")
    if data.leaks:
        raise typer.Exit(1)


@app.command("demo")
def demo_(
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    subjects: Annotated[int, typer.Option(min=4, help="Number of subjects.")] = 60,
    slices: Annotated[int, typer.Option(min=1, help="Slices per subject.")] = 8,
    layout: Annotated[
        LayoutName, typer.Option(help="The data set whose folders, names and sizes are used.")
    ] = LayoutName.OASIS,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same cohort.")] = 0,
) -> None:
    """Write a synthetic cohort, in the layout of OASIS, HipMRI or ADNI.

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
    """The data of a folder, prepared for a recipe, with progress bars."""
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
