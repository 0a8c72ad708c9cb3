"""This software as files name it."""

from __future__ import annotations

from importlib.metadata import version

NAME = "ScanVQ"


def software_version() -> str:
    """The version of ScanVQ, such as "0.1.0"."""
    return version("scanvq")
