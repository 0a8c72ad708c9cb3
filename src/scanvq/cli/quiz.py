"""`scanvq quiz`: a page for a blind test, real or created?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanvq.cli.decoder_option import DecoderOption, decoder_remark
from scanvq.cli.model_argument import ModelArgument
from scanvq.cli.overwrite_option import OverwriteOption


def quiz(
    run: ModelArgument,
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("quiz.html"),
    real: Annotated[
        Path | None,
        typer.Option(
            help="Folder of real scans; one slice of each is shown. Default: the test split of the run.",
            show_default=False,
        ),
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=2, max=400, help="Number of images.")] = 40,
    decoder: DecoderOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the created images, the choice and the order.")] = 0,
    overwrite: OverwriteOption = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Write a page for a blind test: are these images real or created?

    Half of the images are real, half are created; the reader answers with buttons or keys and sees the score
    with its 95 % interval at the end. One HTML file without network, for computer and phone.

    All images are prepared, cut and rounded in the same way and stand in one picture, so that neither size,
    name nor compression tells which is which. The real ones are of people: pass the page on only as you may
    pass on their scans.

    Examples:

        scanvq quiz runs/first --out quiz.html

        scanvq quiz model.safetensors --real scans/ -n 60 --out quiz.html
    """
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.model.model import Model
    from scanvq.quiz.make import make_quiz
    from scanvq.storage.files import write_text
    from scanvq.storage.output_folder import output_file

    if out.suffix != ".html":
        raise ValueError(f"--out is {out}; it must end in .html")
    model = Model.load(run, device=device)
    used = model.decoders.decoder_of(decoder)
    with output_file(out, overwrite=overwrite) as file:
        test = make_quiz(
            model,
            run,
            count,
            folder=real,
            decoder=used,
            seed=seed,
            progress=ProgressDisplay().progress_for("sample"),
        )
        write_text(file, test.html())
    print(f"wrote {out}: {count - count // 2} real and {count // 2} created images; open it in a browser")
    print(decoder_remark(used))
