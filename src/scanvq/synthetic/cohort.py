"""A cohort of synthetic brains: subjects of two groups with several axial slices each."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from scanvq.synthetic.contrast import Acquisition, draw_acquisition, tissue_of
from scanvq.synthetic.deformation import Anatomy, Label, draw_anatomy
from scanvq.synthetic.templates import Templates, load_templates

LEVELS = (-14.0, 56.0)
"""Range of slice positions of a scan, in mm above the anterior commissure."""

FIELD_OF_VIEW = (218.0, 180.0)
"""Minimum height and width of the field of view in mm, so that a large head fits."""

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class DemoSlice:
    """One synthetic slice.

    Attributes:
        image: (H, W) in [0, 1].
        segmentation: (H, W): 0 background, 1 cerebrospinal fluid, 2 gray matter, 3 white matter.
        subject: index of the subject.
        level: index of the slice in its scan, from inferior to superior.
        label: group of the subject.
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
    """Yields `subjects` * `slices` images, ordered by subject and slice from inferior to superior.

    A subject depends only on the seed and its index, not on the number of subjects or workers.

    Args:
        subjects: number of subjects; those with even index are AD, the others NC.
        slices: axial slices per subject, evenly spaced over the cerebrum.
        seed: random seed; 0 or more.
        height: image height in pixels; the whole head is always in the field of view.
        width: image width in pixels.
        workers: number of threads; None = one per core.

    Raises:
        MissingTemplatesError: the `demo` extra is not installed.
    """
    templates = load_templates()

    def scan(subject: int) -> list[DemoSlice]:
        return make_scan(templates, subject=subject, slices=slices, seed=seed, height=height, width=width)

    for scan_slices in threaded_map(scan, range(subjects), workers=workers):
        yield from scan_slices


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
    """The slices of one scan of a subject; visits differ in acquisition, not in anatomy."""
    label = label_of(subject)
    anatomy = draw_anatomy(label, templates, np.random.default_rng([seed, subject]))
    generator = np.random.default_rng([seed, subject, visit])
    acquisition = draw_acquisition(generator)
    low, high = LEVELS
    spacing = (high - low) / slices
    first = low + spacing / 2 + generator.uniform(-0.3, 0.3) * min(spacing, 6.0)
    result = []
    for index in range(slices):
        level = first + index * spacing
        image, segmentation = draw_slice(
            templates, anatomy, acquisition, level=level, height=height, width=width, generator=generator
        )
        result.append(DemoSlice(image, segmentation, subject=subject, level=index, label=label))
    return result


def draw_slice(
    templates: Templates,
    anatomy: Anatomy,
    acquisition: Acquisition,
    *,
    level: float,
    height: int,
    width: int,
    generator: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Image and segmentation (H, W) of a subject at a level in mm; the generator gives the noise."""
    low, high = LEVELS
    pixel = max(FIELD_OF_VIEW[0] / height, FIELD_OF_VIEW[1] / width)
    points, shifts = anatomy.slice_map(height=height, width=width, pixel=pixel, level=level)
    inside, channels = templates.sample(points)
    tissue = tissue_of(inside, channels, shifts[:, inside], sulci=anatomy.sulci)
    depth = (2 * level - low - high) / (high - low)
    image = acquisition.image(tissue, height=height, width=width, depth=depth, generator=generator)
    return image, tissue.segmentation(height=height, width=width)


def label_of(subject: int) -> Label:
    """The group of a subject; groups alternate with the index."""
    return "AD" if subject % 2 == 0 else "NC"


def threaded_map(
    function: Callable[[Task], Result], tasks: Iterable[Task], *, workers: int | None = None
) -> Generator[Result, None, None]:
    """Applies `function` to tasks in threads, a few tasks ahead; results have the order of the tasks.

    Threads are sufficient: NumPy and the compressors release the GIL.
    """
    threads = workers or _cores()
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[Result]] = deque()
        try:
            for task in tasks:
                pending.append(pool.submit(function, task))
                if len(pending) > threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _cores() -> int:
    """The number of cores that this process may use; schedulers may restrict it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
