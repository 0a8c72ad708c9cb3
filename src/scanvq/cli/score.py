"""`scanvq score`: bits, residuals, anomaly maps and p-values of scans."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scanvq.cli.model_argument import ModelArgument
from scanvq.cli.overwrite_option import OverwriteOption


class SignName(StrEnum):
    """Anomalies beside what the model expects."""

    ANY = "any"
    BRIGHTER = "brighter"
    DARKER = "darker"


class CalibrationName(StrEnum):
    """The people that scans are compared with."""

    VALIDATION = "validation"
    TEST = "test"
    NONE = "none"


def score(
    run: ModelArgument,
    files: Annotated[list[Path], typer.Argument(help="Scans, or folders of scans.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for scores.csv, panels and maps. Default: only print.", show_default=False),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            help="Folder of lesion masks, 0 outside and 255 inside, named as the scans or with a suffix "
            "(scan_lesion.png): also measure how well the maps find them. No mask = no lesion.",
            show_default=False,
        ),
    ] = None,
    calibrate: Annotated[
        CalibrationName,
        typer.Option(
            help="The run's people that scans are compared with; none = no p-values and no anomaly map."
        ),
    ] = CalibrationName.VALIDATION,
    restorations: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Restorations of each slice. 0 = without: fast. Default: those of the calibration, or 4.",
            show_default=False,
        ),
    ] = None,
    anomalies: Annotated[
        SignName | None,
        typer.Option(
            help="Anomalies are brighter or darker than what the model expects, such as lesions of FLAIR: "
            "finds these better. Default: that of the calibration, or any.",
            show_default=False,
        ),
    ] = None,
    residual_only: Annotated[
        bool,
        typer.Option("--residual-only", help="Use the tokenizer alone: for a model without a likelihood."),
    ] = False,
    overwrite: OverwriteOption = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Score scans: how improbable is each of them, and where?

    Bits per pixel: -log2 of the probability of a slice's codes under the prior. Residual: mean absolute
    error of the reconstruction in the foreground. Map: the mean of the highest 1 % of the anomaly map, which
    is the error after improbable codes were sampled again (restoration), compared with the same place in
    held-out people.

    Beside each score its p-value: the share of held-out people (one slice of each) that score as high. If
    scans are like those of these people, p is at most .05 in 5 % of them. The comparison is computed once,
    and kept in RUN/calibration.json and in files that `Model.save` writes.

    --out writes scores.csv, panels/ and maps/ (npz, of the size of the scan) at the end. After Ctrl-C or a
    file that cannot be read, they hold what was scored before; with --overwrite, the earlier scores stay.

    Examples:

        scanvq score runs/first new-scans/ --out scores

        scanvq score runs/first patient.nii.gz --restorations 0

        scanvq score runs/healthy patients/ --anomalies brighter --masks lesions/ --out scores

        scanvq score model.safetensors scan.png --residual-only --calibrate none
    """
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.cli.score_output import TABLE, ScoreOutput, calibration_lines, lesion_lines
    from scanvq.inference.calibrated import calibration_for
    from scanvq.inference.lesion_scores import LesionPixels, chooses_threshold
    from scanvq.inference.mask_files import match_masks
    from scanvq.inference.scan_files import names_of, scan_files, stems_of
    from scanvq.inference.score import require_likelihood, score_files
    from scanvq.model.model import Model

    scans = scan_files(files)
    matched = None if masks is None else match_masks(scans, masks)
    model = Model.load(run, device=device)
    if not residual_only:
        require_likelihood(model, str(run))
    display = ProgressDisplay()
    output = ScoreOutput(out, stems_of(names_of(scans)), model, overwrite=overwrite)
    with output:
        calibration = None
        if calibrate is not CalibrationName.NONE:
            calibration = calibration_for(
                model,
                run,
                split=calibrate.value,
                restorations=restorations,
                with_prior=not residual_only,
                sign=None if anomalies is None else anomalies.value,
                progress=display.progress_for("calibrate"),
            )
        if matched is not None:
            count = sum(mask is not None for mask in matched)
            print(f"masks: {count} for {len(scans)} scans; scans without a mask have no lesion")
        progress, lesions = display.progress_for("score"), LesionPixels()
        scored = score_files(
            model, scans, calibration=calibration, with_prior=not residual_only, masks=matched
        )
        try:
            for number, file in enumerate(scored, start=1):
                output.add(file)
                if file.mask is not None:
                    name = file.name.as_posix()
                    lesions.add(file.pixels, file.maps, file.mask, chooses=chooses_threshold(name))
                progress(number, len(scans))
        finally:  # also what was scored before Ctrl-C, or before a file that cannot be read
            output.show()
    for line in calibration_lines(calibration):
        print(line)
    if out is not None:
        print(f"wrote {out / TABLE}, panels/ and maps/")
    if matched is not None:
        for line in lesion_lines(lesions.quality()):
            print(line)
