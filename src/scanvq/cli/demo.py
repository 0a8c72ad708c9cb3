"""`scanvq demo`: the full pipeline on a synthetic cohort, without a download."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SUBJECTS, SLICES = 300, 8
RECONSTRUCTED, COMPLETED, SAMPLED = 8, 4, 32


def demo(
    budget: Annotated[
        str, typer.Option(help="Time for training: 4m, 10m. All other steps take about two minutes.")
    ] = "4m",
    out: Annotated[Path, typer.Option(help="The run directory; the scans are written beside it.")] = Path(
        "demo-run"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Random seed of cohort, training and samples.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Run the full pipeline: a synthetic cohort, a tokenizer, a prior, samples, and a report.

    Synthesizes a cohort from the MNI152 templates (no download), trains on it, and writes samples,
    reconstructions, completions and `report.html`. After an interruption, the same command resumes.

    Example: `scanvq demo --budget 4m --out demo-run`
    """
    from scanvq import api
    from scanvq.cli.inpaint import inpaint
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.cli.reconstruct import reconstruct
    from scanvq.cli.sample import sample
    from scanvq.cli.summary import evaluate_and_report
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
        display.console.print(f"interrupted: {stopped}; run the same command to resume")
        raise typer.Exit(130) from None
    if run is None:
        return
    test_scans = sorted((scans / "keras_png_slices_test").glob("*.png"))
    chosen = test_scans[:: max(1, len(test_scans) // RECONSTRUCTED)][:RECONSTRUCTED]
    # These folders are the demo's own: what an interrupted demo wrote to them is replaced.
    reconstruct(out, chosen, out / "reconstructions", overwrite=True, device=device)
    for scan in chosen[:COMPLETED]:
        inpaint(
            out,
            scan,
            out / "completions",
            keep="top-half",
            count=2,
            seed=seed,
            overwrite=True,
            device=device,
        )
    sample(out, out / "samples", count=SAMPLED, seed=seed, overwrite=True, device=device)
    evaluate_and_report(run, display)
    print(f"samples {out / 'samples' / 'samples.png'}")
