"""`scanvq evaluate`: the scores of a run on its test split, or on other scans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanvq.cli.decoder_option import DecoderOption


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run made by `scanvq fit`.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Other scans: their test split, or all if there is none.", show_default=False),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(min=1, help="Make so many new scans and score these instead.", show_default=False),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="Score the images of this folder, made by any program.", show_default=False),
    ] = None,
    codecs: Annotated[
        bool, typer.Option("--codecs", help="Also compare with JPEG, JPEG 2000, WebP, AVIF and JPEG XL.")
    ] = False,
    space: Annotated[
        list[Path] | None,
        typer.Option(
            help="A feature network as a TorchScript file, one more space of the scores of --samples or "
            "--images. May be repeated.",
            show_default=False,
        ),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            help="Label maps of the real scans, by their names: compare sizes of regions in --samples or "
            "--images.",
            show_default=False,
        ),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave unusable files of --data out.")] = False,
    allow_leak: Annotated[
        bool,
        typer.Option(
            "--allow-leak", help="Score --data although the run was trained on some of its subjects or scans."
        ),
    ] = False,
    decoder: DecoderOption = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Score a run on its test split and write RUN/metrics.json.

    SSIM is computed per image in [0, 1] (Gaussian window, sigma 1.5) and averaged over the split; also shown
    are SSIM of the foreground only, MS-SSIM, PSNR and the mean absolute error, each with its 95 % interval
    over subjects in brackets, and three rates in bits per pixel. metrics.json also has the error by frequency
    band and the scores of each group (value of a condition, position of the slice); RUN/test_scores.csv has
    the scores of each image. An interrupted call goes on where it stopped. Earlier scores are replaced.

    --data is first compared with the training scans of the run: subjects or scans in both are an error that
    lists them.

    --codecs also codes at most 100 test images by image codecs and writes RUN/rate_distortion.json, which
    `scanvq report` draws. It takes some minutes.

    --samples and --images score created scans beside the test split (or --data), in three comparisons:
    samples with reconstructions (what the prior loses), reconstructions with real scans (what the tokenizer
    loses), and samples with real scans (both). Samples and these reconstructions are by --decoder; all scores
    without --samples are of the faithful decoder. Each score stands beside its floor, the same of real with
    real scans. They are written under "samples" of metrics.json, each comparison as soon as it is known;
    the rest of the file stays as it is. Scores by condition (label, position of the slice), and of
    classifiers that were trained on samples and tested on real scans, follow where the run has conditions.

    A file of --space maps images (B, 1, H, W) or (B, 3, H, W) in 0..1 to vectors (B, p). TorchScript is a
    program, which runs as you: name only files that you trust. Nothing else is read, above all no pickle.

    Example: `scanvq evaluate runs/first`

    Example: `scanvq evaluate runs/first --samples 200`

    Example: `scanvq evaluate runs/first --samples 200 --space encoder.pt`
    """
    from scanvq import api
    from scanvq.cli.codec_summary import codec_summary
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.cli.sample_summary import sample_summary
    from scanvq.cli.summary import summary
    from scanvq.metrics.refusal import Refusal

    if samples is not None or images is not None:
        if samples is not None and images is not None:
            raise ValueError("--samples makes new scans and --images names given ones: leave one of them out")
        if codecs:
            raise ValueError("--codecs compares reconstructions, not created scans: leave one of them out")
        progress_for = ProgressDisplay().progress_for
        try:
            loaded = api.load(run, device=device)
            scores = loaded.evaluate_samples(
                samples,
                images=images,
                folder=data,
                spaces=space or (),
                masks=masks,
                skip_bad=skip_bad,
                allow_leak=allow_leak,
                decoder=loaded.model.decoders.decoder_of(decoder),
                progress_for=progress_for,
            )
        except Refusal as refusal:
            raise ValueError(f"refused, {refusal.reason}") from refusal
        for line in sample_summary(scores):
            print(line)
        return
    if decoder is not None:
        raise ValueError(
            "--decoder is for --samples and --images; reconstructions are scored with the faithful decoder"
        )
    if space or masks is not None:
        raise ValueError("--space and --masks belong to sample scores: give --samples N or --images DIR too")
    trained = api.load(run, device=device)
    metrics = trained.evaluate(
        data,
        skip_bad=skip_bad,
        allow_leak=allow_leak,
        codecs=codecs,
        progress_for=ProgressDisplay().progress_for,
    )
    for line in summary(metrics):
        print(line)
    if codecs:
        for line in codec_summary(trained.directory.read(trained.directory.rate_distortion(data))):
            print(line)
