"""The content of a report page, as plain numbers, texts and arrays, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
CodeGrids = tuple[NDArray[np.integer[Any]], ...]
ProgressImages = Sequence[tuple[int, NDArray[np.uint8]]]


@dataclass(frozen=True, kw_only=True, eq=False)
class ExampleImage:
    """One image of the data set.

    Attributes:
        image: (H, W) in [0, 1].
        name: of the file.
    """

    image: Image
    name: str


@dataclass(frozen=True, kw_only=True, eq=False)
class ReconstructedImage(ExampleImage):
    """A test image, its codes and its reconstruction.

    Attributes:
        codes: (h, w) per level.
        reconstruction: (H, W) in [0, 1].
        ssim: of image and reconstruction.
        coarsest: (H, W) decoded from the coarsest codes only; None with a single level.
        rank: "worst", "median", "best", or "".
    """

    codes: CodeGrids
    reconstruction: Image
    ssim: float
    coarsest: Image | None = None
    rank: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class GeneratedImages:
    """Samples of the prior for one label, and real images of that label.

    Attributes:
        label: "" if the run has no labels.
        images: (n, H, W) in [0, 1].
        codes: (n, h, w) per level.
        real: (m, H, W) in [0, 1], of the test split.
    """

    label: str
    images: Image
    codes: CodeGrids
    real: Image


@dataclass(frozen=True, kw_only=True, eq=False)
class NearestPair:
    """A created scan beside the training scan that is nearest to it.

    Attributes:
        created: (H, W) in [0, 1].
        nearest: (H, W) in [0, 1].
        name: of the training scan.
        p: p-value of the audit that the created scan is no copy.
        copy: verdict of the audit.
    """

    created: Image
    nearest: Image
    name: str
    p: float | None
    copy: bool


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What was trained.

    Attributes:
        tokenizer, prior: kinds of the recipe; prior "" if none is trained.
        codebook_sizes: K of every level.
        code_shapes: (h, w) of every level.
        id: content id of the tokenizer.
        content: content id of the prior, or of the tokenizer without one.
    """

    tokenizer: str
    prior: str
    codebook_sizes: tuple[int, ...]
    code_shapes: tuple[tuple[int, int], ...]
    id: str
    content: str


@dataclass(frozen=True, kw_only=True, eq=False)
class InpaintedImage(ExampleImage):
    """A test image of which one half was hidden and inpainted.

    Attributes:
        given: (H, W), the hidden half black.
        completions: (n, H, W) in [0, 1].
    """

    given: Image
    completions: Image


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """The data set of the run and its splits.

    Attributes:
        folder: of the scans.
        layout: kind of folder tree.
        splits: (split, subjects, slices) of each split.
        labels: class names; () without.
        size: (H, W) of the images for the network.
        notes: remarks for the reader.
        skipped: (file, reason) of files left out.
        leaks: subjects or scans in two splits, a line each.
        leaks_into_test: whether one of the two splits is the test split.
        odd: what is odd about the files, such as units that differ, a line each.
    """

    folder: str
    layout: str
    splits: tuple[tuple[str, int, int], ...]
    labels: tuple[str, ...]
    size: tuple[int, int]
    notes: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    leaks: tuple[str, ...] = ()
    leaks_into_test: bool = False
    odd: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A reported number and the same number of this run; "" if not measured."""

    name: str
    reported: str
    ours: str


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportData:
    """The data of a report page. Empty fields and None are left out of the page.

    Attributes:
        title: name of the recipe.
        summary: the recipe in one line.
        run: name of the run directory.
        command: reproduces the run.
        original_command: command line of the run.
        recipe: every setting, as TOML.
        missing: missing content, with the reason and what to do.
        data: the data and its splits.
        examples: images of each split.
        metrics: the content of metrics.json, or None.
        ssim: of every test image, or None.
        rate_distortion: the content of rate_distortion.json, or None.
        usage: counts of each code on the test split, per level.
        histories: records of each stage.
        reconstructions: of test images, evenly spread.
        ranked: the worst ten test images, the worst first, then the median and the best.
        created: (n, H, W) in [0, 1], created scans that were scored, or new ones.
        nearest: created scans beside their nearest training scans, closest first.
        audit: the content of audit.json, or None.
        model: what was trained, or None.
        codebook_sizes: K of every level.
        generated: samples by label.
        decoder: of generated scans and completions: "faithful" or "natural".
        inpainted: test images with one half inpainted.
        progress: pictures of each stage at several steps.
        source: reports, papers and data that the recipe follows.
        assumed: assumptions of the recipe beyond its source.
        comparisons: reported numbers and those of this run.
        expect_note: remark of the recipe on the reported numbers.
        parameters: number of parameters of each part, by model.
        environment: versions and hardware of the run.
    """

    title: str
    summary: str
    run: str
    command: str
    recipe: str
    original_command: str = ""
    missing: tuple[str, ...] = ()
    data: DataFacts | None = None
    examples: Mapping[str, Sequence[ExampleImage]] = field(default_factory=dict)
    metrics: Mapping[str, Any] | None = None
    ssim: NDArray[np.float64] | None = None
    rate_distortion: Mapping[str, Any] | None = None
    usage: tuple[NDArray[np.int64], ...] = ()
    histories: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    reconstructions: tuple[ReconstructedImage, ...] = ()
    ranked: tuple[ReconstructedImage, ...] = ()
    created: Image | None = None
    nearest: tuple[NearestPair, ...] = ()
    audit: Mapping[str, Any] | None = None
    model: ModelFacts | None = None
    codebook_sizes: tuple[int, ...] = ()
    generated: tuple[GeneratedImages, ...] = ()
    decoder: str = "faithful"
    inpainted: tuple[InpaintedImage, ...] = ()
    progress: Mapping[str, ProgressImages] = field(default_factory=dict)
    source: Mapping[str, str] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    expect_note: str = ""
    parameters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
