"""Everything that the page shows, as plain numbers, texts and arrays; nothing here needs a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Grids = tuple[NDArray[np.integer[Any]], ...]
Moments = Sequence[tuple[int, NDArray[np.uint8]]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """One image of the data set.

    Attributes:
        image: (H, W) in [0, 1].
        name: its file.
    """

    image: Image
    name: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Rebuilt(Example):
    """A test image and what the tokenizer makes of it.

    Attributes:
        codes: (h, w) a level.
        reconstruction: (H, W) in [0, 1].
        ssim: of the two.
        coarsest: (H, W) from the coarsest codes alone; None where there is one level only.
        rank: "best", "median", "worst", or "".
    """

    codes: Grids
    reconstruction: Image
    ssim: float
    coarsest: Image | None = None
    rank: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Generated:
    """Images that the prior made for one label, beside real ones of that label.

    Attributes:
        label: "" where the run has no labels.
        images: (n, H, W) in [0, 1].
        codes: (n, h, w) a level.
        real: (m, H, W) in [0, 1], of the test split.
    """

    label: str
    images: Image
    codes: Grids
    real: Image


@dataclass(frozen=True, kw_only=True, eq=False)
class Completed(Example):
    """A test image of which one half was hidden and drawn anew.

    Attributes:
        given: (H, W), the hidden half dark.
        completions: (n, H, W) in [0, 1].
    """

    given: Image
    completions: Image


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """What the run was trained and tested on.

    Attributes:
        folder: of the scans.
        layout: what kind of tree it is.
        splits: (split, subjects, slices) each.
        labels: class names; () without.
        size: (H, W) of the network's images.
        notes: what a reader should know.
        skipped: (file, reason) of files left out.
        leaks: what is on two sides of a split, a line each.
    """

    folder: str
    layout: str
    splits: tuple[tuple[str, int, int], ...]
    labels: tuple[str, ...]
    size: tuple[int, int]
    notes: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    leaks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A number that was reported for the recipe, beside ours; "" where we have none."""

    name: str
    reported: str
    ours: str


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportData:
    """A run's page before it is laid out. What is empty or None is left out of the page.

    Attributes:
        title: the recipe's name.
        summary: the recipe in one line.
        run: the run directory's name.
        command: repeats the run.
        original_command: as it was typed.
        recipe: every setting, as TOML.
        missing: what could not be shown, why, and what to do.
        data: the data and its splits.
        examples: split to some of its images.
        metrics: the content of metrics.json, or None.
        ssim: of every test image, or None.
        usage: how often each code of each level occurs on the test split.
        histories: stage to its records.
        rebuilt: test images through the tokenizer, evenly spread.
        ranked: the best, the median and the worst test image.
        codebook_sizes: K of every level.
        generated: by label.
        completed: half scans.
        progress: stage to its pictures at several steps.
        source: what the recipe follows: report, papers, data.
        assumed: what was assumed where the source is silent.
        comparisons: reported numbers beside ours.
        expect_note: the recipe's remark on what was reported.
        parameters: model to its parts and their numbers of parameters.
        environment: what the run ran on.
    """

    title: str
    summary: str
    run: str
    command: str
    recipe: str
    original_command: str = ""
    missing: tuple[str, ...] = ()
    data: DataFacts | None = None
    examples: Mapping[str, Sequence[Example]] = field(default_factory=dict)
    metrics: Mapping[str, Any] | None = None
    ssim: NDArray[np.float64] | None = None
    usage: tuple[NDArray[np.int64], ...] = ()
    histories: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    rebuilt: tuple[Rebuilt, ...] = ()
    ranked: tuple[Rebuilt, ...] = ()
    codebook_sizes: tuple[int, ...] = ()
    generated: tuple[Generated, ...] = ()
    completed: tuple[Completed, ...] = ()
    progress: Mapping[str, Moments] = field(default_factory=dict)
    source: Mapping[str, str] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    expect_note: str = ""
    parameters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
