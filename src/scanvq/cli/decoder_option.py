"""The command-line option for the decoder of created images."""

from __future__ import annotations

from typing import Annotated

import typer

DecoderOption = Annotated[
    str | None,
    typer.Option(
        help="faithful (the tokenizer's) or natural (adds the texture of scans, which is invented). "
        "Default: natural if the run has one.",
        show_default=False,
    ),
]


def decoder_remark(decoder: str) -> str:
    """What the user should know of images that this decoder made."""
    if decoder == "natural":
        return "natural decoder: fine texture is invented, and not evidence of anything"
    return "faithful decoder: that of the tokenizer"
