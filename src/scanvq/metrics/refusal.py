"""Errors of scores that cannot be computed from so little data."""

from __future__ import annotations

FEWEST_IMAGES = 4  # below, a covariance or a cross-validated classifier says nothing


class Refusal(ValueError):  # noqa: N818 - it names what is wrong, as a user reads it
    """A score is refused; the class says why in one word, the message in a sentence."""

    @property
    def reason(self) -> str:
        """Name and message, the form of metrics.json."""
        return f"{type(self).__name__}: {self}"


class TooFewImages(Refusal):
    """Fewer images than a score needs."""


class TooFewSubjects(Refusal):
    """Images of fewer subjects than a score or its interval needs."""


class NoVariation(Refusal):
    """All images are alike in what a score compares over images."""


def require_images(count: int, what: str, *, fewest: int = FEWEST_IMAGES) -> None:
    """Raises TooFewImages where `count` is below `fewest`; `what` begins the message."""
    if count < fewest:
        raise TooFewImages(f"{what} needs at least {fewest} images on each side; there are {count}")


def require_subjects(count: int, what: str, *, fewest: int) -> None:
    """Raises TooFewSubjects where `count` is below `fewest`; `what` begins the message."""
    if count < fewest:
        raise TooFewSubjects(f"{what} needs images of at least {fewest} subjects; there are {count}")
