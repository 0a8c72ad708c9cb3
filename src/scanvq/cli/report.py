"""`scanvq report`: the report page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="A run made by `scanvq fit`.")],
    license: Annotated[
        str | None, typer.Option(help="License of the model, for its card.", show_default=False)
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Name of the data set, for the card.", show_default=False)
    ] = None,
    data_license: Annotated[
        str | None,
        typer.Option(help="License or use agreement of the data, for the card.", show_default=False),
    ] = None,
    consent: Annotated[
        str | None, typer.Option(help="What the use of the data rests on, for the card.", show_default=False)
    ] = None,
    deidentified: Annotated[
        str | None, typer.Option(help="How the scans were de-identified, for the card.", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Write RUN/report.html, a self-contained page, and RUN/README.md, a model card.

    Also writes every figure as PNG and SVG to RUN/figures, and every table as CSV and LaTeX to RUN/tables.
    All of them replace those of the earlier report.
    What you say for the card is kept in RUN/card.json; what is not known stands in it as unknown. A README.md
    that was edited, and whose first comment was deleted, is left as it is.

    Example: `scanvq report runs/first`

    Example: `scanvq report runs/first --license cc-by-4.0 --dataset ixi --data-license cc-by-sa-3.0`
    """
    from scanvq import api
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.report.card import CardFacts, has_own_edits

    trained = api.load(run, device=device)
    given = {
        "license": license,
        "dataset": dataset,
        "data_license": data_license,
        "consent": consent,
        "deidentified": deidentified,
    }
    if any(text is not None for text in given.values()):
        CardFacts.read(trained.directory).updated(given).write(trained.directory)
    print(f"wrote {trained.write_report(progress_for=ProgressDisplay().progress_for)}")
    card = trained.directory.card
    print(f"left {card} as you edited it" if has_own_edits(trained.directory) else f"wrote {card}")
