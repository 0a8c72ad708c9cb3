"""`scanvq demo`: the whole road on synthetic brains, with nothing downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SUBJECTS, SLICES = 300, 8
RECONSTRUCTED, COMPLETED, SAMPLED = 8, 4, 32


def demo(
    budget: Annotated[
        str, typer.Option(help="How long to train: 4m, 10m. The rest takes about two minutes.")
    ] = "4m",
    out: Annotated[Path, typer.Option(help="The run to make; its scans go beside it.")] = Path("demo-run"),
    seed: Annotated[int, typer.Option(min=0, help="Of the cohort, the training and the samples.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """See everything work: synthetic brains, a tokenizer, a prior, new scans, and a report.

    Makes a cohort from the MNI152 templates (no download), trains on it, and writes samples,
    reconstructions, completions and `report.html`. Interrupted, the same command goes on.

    Example: `scanvq demo --budget 4m --out demo-run`
    """
    from scanvq import api
    from scanvq.cli.inpaint import inpaint
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.cli.reconstruct import reconstruct
    from scanvq.cli.sample import sample
    from scanvq.cli.summary import finish
    from scanvq.synthetic.layouts import write_demo
    from scanvq.training.interrupt import Interrupted

    display = ProgressDisplay()
    scans = out.parent / f"{out.name}-scans"
    if not scans.exists():
        write_demo(
            scans, subjects=SUBJECTS, slices=SLICES, seed=seed, progress=display.progress_for("synthesize")
        )
    resume = (out / "run.json").exists()
    try:
        run = api.fit(
            scans,
            out=out,
            recipe="demo",
            budget=None if resume else budget,
            seed=seed,
            resume=resume,
            device=device,
            loggers=display.loggers(["tensorboard"]),
            progress_for=display.progress_for,
        )
    except Interrupted as stopped:
        display.console.print(f"interrupted: {stopped}; the same command goes on")
        raise typer.Exit(130) from None
    if run is None:
        return
    unseen = sorted((scans / "keras_png_slices_test").glob("*.png"))
    chosen = unseen[:: max(1, len(unseen) // RECONSTRUCTED)][:RECONSTRUCTED]
    reconstruct(out, chosen, out / "reconstructions", True, device)
    for scan in chosen[:COMPLETED]:
        inpaint(out, scan, out / "completions", keep="top-half", count=2, seed=seed, device=device)
    sample(out, out / "samples", count=SAMPLED, seed=seed, device=device)
    finish(run, display)
    print(f"samples {out / 'samples' / 'samples.png'}")
