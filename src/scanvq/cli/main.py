"""The `scanvq` command: subcommands, error messages and exit codes."""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import TextIO

import typer

from scanvq.cli import app as app_command
from scanvq.cli import (
    audit,
    cache,
    codes,
    compare,
    compress,
    data,
    demo,
    evaluate,
    export,
    fit,
    inpaint,
    models,
    plan,
    quiz,
    recipes,
    reconstruct,
    report,
    sample,
    score,
)
from scanvq.imaging.display import display_text

FAILED, INTERRUPTED = 2, 130
SHOW_CURSOR = "\x1b[?25h"

app = typer.Typer(
    name="scanvq",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""Train tokenizers and priors on medical images; reconstruct, inpaint and generate scans.

A **tokenizer** turns a scan into a small grid of integer codes and back. A **prior** learns the
distribution of the codes. Start with `scanvq demo`, then `scanvq fit FOLDER` on your own scans.""",
)
app.command("demo")(demo.demo)
app.add_typer(data.app, name="data")
app.add_typer(recipes.app, name="recipes")
app.add_typer(models.app, name="models")
app.command("plan")(plan.plan)
app.command("fit")(fit.fit)
app.command("reconstruct")(reconstruct.reconstruct)
app.command("encode")(codes.encode)
app.command("decode")(codes.decode)
app.command("compress")(compress.compress)
app.command("decompress")(compress.decompress)
app.command("sample")(sample.sample)
app.command("inpaint")(inpaint.inpaint)
app.command("evaluate")(evaluate.evaluate)
app.command("audit")(audit.audit)
app.command("score")(score.score)
app.command("quiz")(quiz.quiz)
app.command("app")(app_command.app)
app.command("report")(report.report)
app.command("compare")(compare.compare)
app.command("export")(export.export)
app.command("cache")(cache.cache)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Show the version and stop.")) -> None:
    if version:
        from scanvq import __version__

        typer.echo(f"scanvq {__version__}")
        raise typer.Exit


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Shows a warning without the line of code that gave it."""
    typer.secho(f"scanvq: warning: {display_text(str(message))}", fg="yellow", err=True)


def main() -> None:
    """Runs a command. Exit codes: 0 done, 1 leaks found, 2 usage or input error, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may hold what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            app()
    except KeyboardInterrupt:
        typer.secho("\ninterrupted", err=True)
        sys.exit(INTERRUPTED)
    except (ValueError, OSError, FloatingPointError, ImportError) as error:
        if os.environ.get("SCANVQ_TRACEBACK"):
            raise
        from scanvq.storage.files import system_error_text

        text = system_error_text(error) if isinstance(error, OSError) else str(error)
        typer.secho(f"scanvq: {display_text(text)}", fg="red", err=True)
        sys.exit(FAILED)
    finally:
        if sys.stderr.isatty():  # an interrupted progress bar leaves it hidden
            sys.stderr.write(SHOW_CURSOR)
