"""The images of a blind test: real ones and as many created ones, made alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.slice_selection import choose_slices
from scanvq.inference.scan_files import scan_files
from scanvq.model.model import Model
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.run_data import open_data

Images = NDArray[np.float32]


class QuizError(ValueError):
    """A blind test that cannot be made of these images."""


def real_images(model: Model, source: Path, count: int, *, folder: Path | None, seed: int) -> Images:
    """Real images (n, H, W) in [0, 1], prepared as those of the network and cut to the size of created ones.

    Args:
        model: of the run.
        source: the run directory, or the name or file of a model.
        count: number of images.
        folder: of scans, one slice of each; None = the test split of the run, one slice a subject first.
        seed: of the choice.

    Raises:
        QuizError: fewer images than `count`, or neither a folder nor a run.
        DataChangedError: the scans of the run were removed or changed.
    """
    random = np.random.default_rng(seed)
    if folder is not None:
        files = scan_files([folder])
        if len(files) < count:
            raise QuizError(f"{folder} has {len(files)} scans, not {count}: lower --count, or add scans")
        chosen = random.choice(len(files), count, replace=False)
        return np.concatenate([_slice_of(model, files[number], random) for number in chosen])
    if not source.is_dir():
        raise QuizError(f"{source} is a model without scans; give real ones with --real FOLDER")
    data = open_data(RunDirectory(source), model.recipe.data)
    rows = _one_a_subject(data.subjects("test"), random)
    if len(rows) < count:
        raise QuizError(
            f"the run has {len(rows)} test images; {count} are needed: lower --count, or give other scans "
            "with --real FOLDER"
        )
    images, _ = data.dataset("test").batch(rows[:count])
    return model.preparation.to_native(images[:, 0].numpy())


def _one_a_subject(subjects: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """All rows in random order, the first one of each subject before the second of any."""
    order = random.permutation(len(subjects))
    seen: dict[int, int] = {}
    rounds = []
    for row in order:
        subject = int(subjects[row])
        rounds.append(seen.get(subject, 0))
        seen[subject] = rounds[-1] + 1
    return np.asarray(order[np.argsort(rounds, kind="stable")], np.int64)


def _slice_of(model: Model, file: Path, random: np.random.Generator) -> Images:
    """One of the slices (1, H, W) of a scan that the model would be trained on."""
    scan = model.read(file)
    usable = choose_slices(scan.slices, model.recipe.data.slices)
    if not len(usable):
        raise QuizError(f"{file} has no slice that shows more than background; leave it out of the folder")
    image = model.prepare(scan)[int(random.choice(usable))]
    return model.preparation.to_native(image.numpy())
