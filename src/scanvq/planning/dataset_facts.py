"""The input of the planning rules: facts of the data set, and the request of the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scanvq.cohort.survey import Survey

Detail = Literal["fine", "coarse"]
Goal = Literal["create", "reconstruct", "compress"]

# Share of the slices of one size, and of the files whose foreground is in the box.
NEARLY_ALL = 0.95


@dataclass(frozen=True, kw_only=True)
class Box:
    """The bounding box of the foreground, as shares of height and width; `bottom` and `right` exclusive."""

    top: float
    bottom: float
    left: float
    right: float


@dataclass(frozen=True, kw_only=True)
class DatasetFacts:
    """The facts of a data set that the rules need.

    Attributes:
        height: of the images in pixels, from `Survey.geometry` before rounding to a multiple.
        width: as `height`.
        has_common_size: whether at least half of the slices have this size.
        slices: number of training slices.
        labels: number of classes.
        nearly_uniform: whether nearly all slices have this size.
        box: holds the foreground of nearly all files; None = not known.
        slices_estimated: whether `slices` is an estimate.
        has_volumes: whether slices have a position in a volume.
    """

    height: int
    width: int
    has_common_size: bool
    slices: int
    labels: int
    nearly_uniform: bool = False
    box: Box | None = None
    slices_estimated: bool = False
    has_volumes: bool = False

    @classmethod
    def of(cls, survey: Survey) -> DatasetFacts:
        """The facts of a data set with splits. Raises ValueError if there is no slice to use."""
        fingerprint, sizes = survey.fingerprint, survey.sizes
        if not sizes:
            total, slices = fingerprint["slices_in_files"], fingerprint["slices_chosen"]
            reason = f": slices={slices} leaves none of {total:,}" if total else ""
            raise ValueError(f"{fingerprint['folder']} has no readable slice to plan for{reason}")
        chosen = survey.geometry(size="native", fit="pad", multiple=1)
        height, width = chosen.height, chosen.width
        return cls(
            height=height,
            width=width,
            has_common_size=chosen.fit == "pad",
            slices=fingerprint["splits"].get("train", {}).get("slices", 0),
            labels=len(fingerprint["labels"]),
            nearly_uniform=sizes.get((height, width), 0) >= NEARLY_ALL * sum(sizes.values()),
            box=Box(**fingerprint["foreground_box"]) if fingerprint["foreground_box"] else None,
            slices_estimated=fingerprint["slices_estimated"],
            has_volumes=survey.has_volumes,
        )

    @property
    def slices_text(self) -> str:
        """`slices` as text for messages."""
        return f"{'about ' if self.slices_estimated else ''}{self.slices:,}"


@dataclass(frozen=True, kw_only=True)
class PlanRequest:
    """What the user requests of a plan.

    Attributes:
        budget: seconds for tokenizer, codes and prior together.
        detail: "fine" for codes of 4x4 pixels, "coarse" for codes of 8x8 pixels.
        goal: what the model is for: creating scans, reconstructing them, or compressing them.
        cuda: whether training runs on a GPU.
    """

    budget: float
    detail: Detail = "fine"
    goal: Goal = "create"
    cuda: bool = False
