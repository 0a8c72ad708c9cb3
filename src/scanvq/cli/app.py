"""`scanvq app`: a model in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanvq.cli.model_argument import ModelArgument


def app(
    run: ModelArgument,
    compare: Annotated[
        Path | None,
        typer.Option(help="A second run or model, to compare it with the first.", show_default=False),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; the default is for this computer alone.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Default: the first free one from 7860.", show_default=False),
    ] = None,
    audit: Annotated[
        bool, typer.Option("--audit/--no-audit", help="Show the nearest training scan of created images.")
    ] = True,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Open a model in the browser: create, complete, edit codes, score, compare, reader test.

    Created images appear as they are sampled, each with its nearest training scan (of a run that has its
    training scans) and a receipt: seed, settings, model. Paint over an uploaded scan (NIfTI, DICOM, PNG,
    JPEG) to complete it; click the codes of a scan to change them and see the image change.

    The page is for this computer alone, unless --host names another address. It loads nothing from the
    network. Uploads are limited in size, stay in memory, and are gone when the page is closed. Needs
    `pip install "scanvq[app]"`. Ctrl-C ends it.

    Examples:

        scanvq app runs/first

        scanvq app runs/first --compare runs/second --port 8000
    """
    import signal
    from threading import Event

    from scanvq.app.serve import LOOPBACK, require_gradio, running_app
    from scanvq.app.served_model import open_model
    from scanvq.cli.progress_display import ProgressDisplay

    require_gradio()
    progress = ProgressDisplay().progress_for
    served = open_model(run, device=device, audit=audit, progress_for=progress)
    other = (
        None if compare is None else open_model(compare, device=device, audit=audit, progress_for=progress)
    )
    if served.not_audited:
        print(f"nearest training scans are not shown: {served.not_audited}")
    if host not in LOOPBACK:
        shown = "" if served.audit is None else ", and sees training scans"
        typer.secho(
            f"scanvq: warning: everyone who reaches {host} uses this page without a password{shown}",
            fg="yellow",
            err=True,
        )
    ended = Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with running_app(served, compared=other, host=host, port=port) as address:
        print(f"{served.name} is at {address} ; Ctrl-C ends it", flush=True)
        try:
            ended.wait()
        except KeyboardInterrupt:
            print()
    print("ended; uploads and pictures are deleted")
