"""A cohort of synthetic brains: subjects of two groups, several axial slices each, made as asked for."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from scanvq.synthetic.contrast import draw_acquisition, tissue_of
from scanvq.synthetic.deformation import Label, draw_anatomy
from scanvq.synthetic.templates import Templates, load_templates

LEVELS = (-14.0, 56.0)
"""Lowest and highest slice of a scan, in mm above the anterior commissure."""

FIELD_OF_VIEW = (218.0, 180.0)
"""Height and width in mm that an image must show, so that a large head fits."""

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class DemoSlice:
    """One image (H, W) in [0, 1] with its tissue classes.

    `segmentation` is (H, W): 0 background, 1 cerebrospinal fluid, 2 gray matter, 3 white matter.
    `level` numbers the slices of a scan from the lowest; `label` is the group of the subject.
    """

    image: NDArray[np.float32]
    segmentation: NDArray[np.uint8]
    subject: int
    level: int
    label: Label


def make_cohort(
    *,
    subjects: int,
    slices: int,
    seed: int = 0,
    height: int = 256,
    width: int = 256,
    workers: int | None = None,
) -> Iterator[DemoSlice]:
    """Makes `subjects` * `slices` images, subject after subject, each from its lowest slice up.

    A subject depends on the seed and its number only, not on how many there are or who works.

    Args:
        subjects: how many people; even numbers are AD, odd ones NC.
        slices: axial slices a subject, evenly spaced over the cerebrum.
        seed: of everything random; 0 or more.
        height: of an image, in pixels; the whole head is always in view.
        width: of an image, in pixels.
        workers: threads; None takes every core.

    Raises:
        MissingTemplatesError: the `demo` extra is not installed.
    """
    templates = load_templates()

    def scan(subject: int) -> list[DemoSlice]:
        return make_scan(templates, subject=subject, slices=slices, seed=seed, height=height, width=width)

    for one in in_order(scan, range(subjects), workers=workers):
        yield from one


def make_scan(
    templates: Templates,
    *,
    subject: int,
    visit: int = 0,
    slices: int,
    seed: int = 0,
    height: int = 256,
    width: int = 256,
) -> list[DemoSlice]:
    """Scans one subject: another visit shows the same anatomy, scanned anew."""
    label = label_of(subject)
    anatomy = draw_anatomy(label, templates, np.random.default_rng([seed, subject]))
    generator = np.random.default_rng([seed, subject, visit])
    acquisition = draw_acquisition(generator)
    low, high = LEVELS
    spacing = (high - low) / slices
    first = low + spacing / 2 + generator.uniform(-0.3, 0.3) * min(spacing, 6.0)
    pixel = max(FIELD_OF_VIEW[0] / height, FIELD_OF_VIEW[1] / width)
    made = []
    for number in range(slices):
        level = first + number * spacing
        points, shifts = anatomy.slice_map(height=height, width=width, pixel=pixel, level=level)
        inside, channels = templates.sample(points)
        tissue = tissue_of(inside, channels, shifts[:, inside], sulci=anatomy.sulci)
        depth = (2 * level - low - high) / (high - low)
        image = acquisition.image(tissue, height=height, width=width, depth=depth, generator=generator)
        segmentation = tissue.segmentation(height=height, width=width)
        made.append(DemoSlice(image, segmentation, subject=subject, level=number, label=label))
    return made


def label_of(subject: int) -> Label:
    """The group of a subject: they alternate, so that any two neighbors are one of each."""
    return "AD" if subject % 2 == 0 else "NC"


def in_order(
    work: Callable[[Task], Result], tasks: Iterable[Task], *, workers: int | None = None
) -> Generator[Result, None, None]:
    """Results of `work`, in the order of the tasks, a few of them made ahead by threads.

    Threads suffice: NumPy and the compressors release the interpreter while they compute.
    """
    threads = workers or _cores()
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[Result]] = deque()
        try:
            for task in tasks:
                ahead.append(pool.submit(work, task))
                if len(ahead) > threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _cores() -> int:
    """Cores this process may use, which a cluster's scheduler makes fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
