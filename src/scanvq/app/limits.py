"""Limits of the app: what one request may ask for."""

from __future__ import annotations

import time
from dataclasses import dataclass

from scanvq.types import Codes


class Refused(ValueError):  # noqa: N818 - named for the user
    """A request that the app does not carry out, with a sentence for the user."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of one request.

    Attributes:
        upload_bytes: of an uploaded file.
        upload_pixels: of an uploaded scan, after decompression.
        upload_side: rows or columns of a slice.
        images: that are created at once.
        completions: of a scan at once.
        quiz_images: of a reader test.
        seconds: that a request may sample.
        waiting: requests in the queue.
        sessions: whose uploads and results are kept in memory.
    """

    upload_bytes: int = 200 * 2**20
    upload_pixels: int = 2**27
    upload_side: int = 4096
    images: int = 64
    completions: int = 8
    quiz_images: int = 60
    seconds: float = 300.0
    waiting: int = 16
    sessions: int = 16

    def check(self, name: str, value: float, low: int, high: int) -> int:
        """A whole number from `low` to `high`. Raises Refused."""
        if not low <= value <= high or value != int(value):
            raise Refused(f"{name} is {value:g}; use a whole number from {low} to {high}")
        return int(value)


class Deadline:
    """The end of a request; watches sampling, see `Model.sample_codes`.

    Args:
        seconds: from now on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._end = seconds, time.monotonic() + seconds

    def check(self, codes: Codes = ()) -> None:
        """Raises Refused after the end."""
        if time.monotonic() > self._end:
            raise Refused(f"this took longer than {self._seconds:g} seconds and was stopped; ask for less")
