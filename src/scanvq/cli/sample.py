"""`scanvq sample`: generate new images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanvq.cli.condition_options import ConditionOption, GuidanceOption, LabelOption, parse_conditions
from scanvq.cli.decoder_option import DecoderOption, decoder_remark
from scanvq.cli.model_argument import ModelArgument
from scanvq.cli.overwrite_option import OverwriteOption

if TYPE_CHECKING:
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.inference.bids_metadata import BidsFacts
    from scanvq.inference.sample import SampleFiles
    from scanvq.model.model import Model

LAYOUTS = ("flat", "bids")


def sample(
    run: ModelArgument,
    out: Annotated[Path, typer.Option(help="Output folder of the samples.")],
    count: Annotated[
        int | None,
        typer.Option("-n", "--count", min=1, help="Number of samples. Default: 64.", show_default=False),
    ] = None,
    per_label: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of samples of each class, in place of --count; labels.csv is their table.",
            show_default=False,
        ),
    ] = None,
    condition: ConditionOption = None,
    label: LabelOption = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Below 1: less diverse; above 1: more diverse. Default: the recipe's.", show_default=False
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(help="Sample from the k most likely codes; 0 = all.", show_default=False),
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(help="Sample from the likeliest codes that sum to p.", show_default=False),
    ] = None,
    guidance: GuidanceOption = None,
    decoder: DecoderOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Sample i depends on the seed and i alone.")] = 0,
    format: Annotated[
        str | None,
        typer.Option(help="png, nifti or npz. Default: png; nifti for BIDS.", show_default=False),
    ] = None,
    layout: Annotated[str, typer.Option(help="flat (one folder) or bids (a BIDS derivative).")] = "flat",
    suffix: Annotated[
        str | None,
        typer.Option(
            help="For BIDS: the modality in file names, such as T1w. Default: data.suffix of the recipe.",
            show_default=False,
        ),
    ] = None,
    skull_stripped: Annotated[
        bool | None,
        typer.Option(
            "--skull-stripped/--with-skull",
            help="For BIDS, which requires it: whether pixels outside of the brain are zero.",
            show_default=False,
        ),
    ] = None,
    audit: Annotated[
        bool, typer.Option("--audit/--no-audit", help="Look for copies of training scans among the samples.")
    ] = True,
    overwrite: OverwriteOption = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Generate new images: sample codes from the prior and decode them.

    Writes the images, the contact sheet `samples.png`, and `codes.npz`, all at once. Every file is marked as
    synthetic, with the model and the seed, and with the decoder if it is natural: its fine texture is
    invented.

    Conditions that are not requested, such as label or age, are sampled from the joint distribution of the
    training set, given those that are.

    Samples of a run directory are audited: `audit.json` names the nearest training scan of each, and says
    whether it looks like a copy, see `scanvq audit`. A model file has no training codes, so its samples are
    not audited.

    With --layout bids every sample is a subject of a BIDS derivative, with its seed, model, conditions and
    sampling parameters in a JSON file, and the conditions of all in participants.tsv. Codes and contact sheet
    are in sourcedata; the audit is beside the folder, as OUT-audit.json, because it names training scans.

    Examples:

        scanvq sample runs/first -n 16 --label AD --condition age=70 --top-p 0.9 --out samples

        scanvq sample runs/first --per-label 100 --out classes

        scanvq sample runs/first --layout bids --suffix FLAIR --with-skull -n 1000 --out synthetic-flair
    """
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.inference.bids_samples import sample_bids
    from scanvq.inference.image_files import check_kind
    from scanvq.inference.sample import sample_files
    from scanvq.model.model import Model

    if layout not in LAYOUTS:
        raise ValueError(f"--layout is {layout!r}; use {' or '.join(LAYOUTS)}")
    kind = format or ("nifti" if layout == "bids" else "png")
    check_kind(kind)
    if layout == "bids" and kind != "nifti":
        raise ValueError(f"--format is {kind}, but BIDS has NIfTI files; leave --format out")
    if layout == "flat" and (suffix is not None or skull_stripped is not None):
        raise ValueError("--suffix and --skull-stripped are for --layout bids; leave them out")
    requested = parse_conditions(condition, label)
    if count is not None and per_label is not None:
        raise ValueError("--count and --per-label are both given; give one of them")
    model = Model.load(run, device=device)
    facts = _bids_facts(run, model, suffix, skull_stripped) if layout == "bids" else None
    used = model.decoders.decoder_of(decoder)
    params = model.sampling_params(
        condition={**requested, "label": "each"} if per_label else requested,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        guidance=guidance,
    )
    display = ProgressDisplay()
    write = partial(sample_bids, facts=facts) if facts else partial(sample_files, kind=kind)
    files = write(
        model,
        out,
        per_label or count or 64,
        condition=requested,
        params=params,
        decoder=used,
        seed=seed,
        per_label=per_label is not None,
        overwrite=overwrite,
        progress=display.progress_for("sample"),
    )
    print(f"wrote {len(files.names)} synthetic images to {out}; contact sheet: {files.sheet}")
    print(decoder_remark(used))
    if audit:
        print(_audit(run, model, files, display))


def _bids_facts(run: Path, model: Model, suffix: str | None, skull_stripped: bool | None) -> BidsFacts:
    """What BIDS requires, from the options, the recipe and the card of the run. Raises ValueError."""
    from scanvq.inference.bids_metadata import SUFFIXES, BidsFacts
    from scanvq.report.card import CardFacts
    from scanvq.storage.run_directory import RunDirectory

    suffix = suffix or model.recipe.data.suffix
    if not suffix:
        raise ValueError(f"--layout bids needs --suffix: one of {', '.join(SUFFIXES)}")
    if skull_stripped is None:
        raise ValueError("--layout bids needs --skull-stripped or --with-skull: BIDS requires to say which")
    known = str(CardFacts.read(RunDirectory(run)).dataset) if run.is_dir() else ""
    is_address = known.startswith(("http://", "https://", "10.", "doi:"))
    return BidsFacts(suffix=suffix, skull_stripped=skull_stripped, source=known if is_address else "")


def _audit(run: Path, model: Model, files: SampleFiles, display: ProgressDisplay) -> str:
    """Audits the samples where the run has what that needs; one line that says how it went."""
    from scanvq.audit.audit_run import audit_sample_files
    from scanvq.cli.audit_summary import audit_line
    from scanvq.metrics.refusal import Refusal
    from scanvq.storage.run_directory import RunDirectory, RunError
    from scanvq.store.run_data import DataChangedError
    from scanvq.store.store import BadScans

    if not run.is_dir():
        return "not audited: a model without its run has no training codes to compare with"
    try:
        found = audit_sample_files(model, RunDirectory(run), files, progress_for=display.progress_for)
    except (RunError, DataChangedError, BadScans, Refusal) as error:
        return f"not audited: {error}"
    return audit_line(found, file=files.audit.name)
