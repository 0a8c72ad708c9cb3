"""What the rules look at: a data set in a few numbers, and what is wished for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scanvq.cohort.survey import Survey

Detail = Literal["fine", "coarse"]

ALIKE = 0.95  # share of the slices; each side of the foreground's box is true of as many files


@dataclass(frozen=True, kw_only=True)
class Box:
    """Where the foreground lies: first and end of its rows and columns, as shares of height and width."""

    top: float
    bottom: float
    left: float
    right: float


@dataclass(frozen=True, kw_only=True)
class DatasetFacts:
    """A data set in the numbers that the rules need.

    Attributes:
        height: that `Survey.geometry` chooses before it is made a multiple, in pixels.
        width: the same.
        uniform: whether at least half of the slices have this size.
        slices: how many in training.
        labels: how many classes.
        alike: whether nearly all slices have this size.
        box: where the foreground lies in nearly all files; None where that is not known.
        slices_estimated: whether `slices` is an estimate.
    """

    height: int
    width: int
    uniform: bool
    slices: int
    labels: int
    alike: bool = False
    box: Box | None = None
    slices_estimated: bool = False

    @classmethod
    def of(cls, survey: Survey) -> DatasetFacts:
        """Of a data set with splits. Raises ValueError where there is no slice to use."""
        fingerprint, sizes = survey.fingerprint, survey.sizes
        if not sizes:
            total, slices = fingerprint["slices_in_files"], fingerprint["slices_chosen"]
            left = f": slices={slices} leaves none of {total:,}" if total else ""
            raise ValueError(f"{fingerprint['folder']} has no readable slice to plan for{left}")
        chosen = survey.geometry(size="native", fit="pad", multiple=1)
        height, width = chosen.height, chosen.width
        return cls(
            height=height,
            width=width,
            uniform=chosen.fit == "pad",
            slices=fingerprint["splits"].get("train", {}).get("slices", 0),
            labels=len(fingerprint["labels"]),
            alike=sizes.get((height, width), 0) >= ALIKE * sum(sizes.values()),
            box=Box(**fingerprint["foreground_box"]) if fingerprint["foreground_box"] else None,
            slices_estimated=fingerprint["slices_estimated"],
        )

    @property
    def slices_text(self) -> str:
        """`slices` for a reader."""
        return f"{'about ' if self.slices_estimated else ''}{self.slices:,}"


@dataclass(frozen=True, kw_only=True)
class PlanRequest:
    """What the user asks of a plan.

    Attributes:
        budget: seconds for tokenizer, codes and prior together.
        detail: "fine" for codes of 4x4 pixels, "coarse" for codes of 8x8 pixels.
        cuda: whether training is on a GPU.
    """

    budget: float
    detail: Detail = "fine"
    cuda: bool = False
