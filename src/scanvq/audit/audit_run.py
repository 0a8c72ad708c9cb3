"""The audit of a run: of new samples, of a folder of images, or of samples that were written just now."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch

from scanvq.audit.audit_images import audit_images
from scanvq.audit.picture import write_picture
from scanvq.audit.prepare import Domain, prepare
from scanvq.audit.scans import Grids, Images
from scanvq.evaluation.created_images import given_images, image_names, sampled_images
from scanvq.inference.code_file import read_code_file
from scanvq.inference.sample import SampleFiles
from scanvq.model.model import Model
from scanvq.storage.arrays import code_levels, open_arrays
from scanvq.storage.files import read_json
from scanvq.storage.output_folder import output_file
from scanvq.storage.run_directory import RunDirectory
from scanvq.types import ProgressFactory


def audit_run(
    model: Model,
    directory: RunDirectory,
    *,
    samples: int | None = None,
    images: Path | None = None,
    level: float | None = None,
    seed: int = 0,
    cache: Path | None = None,
    progress_for: ProgressFactory | None = None,
) -> dict[str, Any]:
    """Audits new samples of a run, or given images; writes audit.json and audit.png into the run.

    The result is kept every 32 images, and a call that was interrupted goes on where it stopped.

    Args:
        model: of the run.
        directory: of the run.
        samples: how many to make now.
        images: a folder of images made by any program instead.
        level: false-alarm rate of verdicts; None = .01, or .05 with fewer than 99 held-out people.
        seed: of the samples.
        cache: folder of prepared stores.
        progress_for: returns, for the name of a task, a function of items done and all items.

    Returns:
        The content of audit.json.

    Raises:
        ValueError: both or neither of `samples` and `images`, or a level outside (0, 1).
        Refusal: fewer than two held-out or training people.
        RunError: the run has no codes. DataChangedError: its scans were changed or removed.
    """
    if (samples is None) == (images is None):
        raise ValueError("give either how many samples to make, or the folder of images to audit")
    if level is not None and not 0 < level < 1:
        raise ValueError(f"level is {level}; it must be between 0 and 1, such as 0.01")
    progress_for = progress_for or (lambda name: lambda done, total: None)
    domain: Domain = "decoded" if images is None else "scans"
    prepared = prepare(model, directory, domain, cache=cache, progress_for=progress_for)
    if images is not None:
        created = given_images(model, images).images
        names = image_names(model, images)
        codes = model.coder.encode(torch.from_numpy(created)[:, None])[0].numpy()
        origin = str(images)
    else:
        assert samples is not None
        progress = progress_for("sample")
        created = sampled_images(
            model, samples, directory.sample_codes, decoder="faithful", seed=seed, progress=progress
        ).images
        with open_arrays(directory.sample_codes) as saved:
            codes = code_levels(saved)[0][:samples]
        names = [f"sample_{number:03d}" for number in range(samples)]
        origin = f"samples of the run, seed {seed}"
    result = audit_images(
        prepared,
        created,
        codes,
        names,
        origin=origin,
        level=level,
        stored=read_json(directory.audit) if directory.audit.is_file() else None,
        keep=partial(directory.write, directory.audit),
        progress=progress_for("audit"),
    )
    write_picture(directory.audit_picture, prepared.auditor, created, result["samples"])
    return result


def audit_sample_files(
    model: Model,
    directory: RunDirectory,
    files: SampleFiles,
    *,
    cache: Path | None = None,
    progress_for: ProgressFactory | None = None,
) -> dict[str, Any]:
    """Audits samples that were written to files; writes audit.json.

    No picture is written, since it would show training scans outside the run. An earlier audit.json is
    replaced.

    Args:
        model: of the run.
        directory: of the run.
        files: of the samples.
        cache, progress_for: as of `audit_run`.

    Raises:
        As `audit_run`.
    """
    progress_for = progress_for or (lambda name: lambda done, total: None)
    levels, _ = read_code_file(files.codes, tokenizer_id=model.id)
    prepared = prepare(model, directory, "decoded", cache=cache, progress_for=progress_for)
    images: Images = model.coder.decode(levels)[:, 0].numpy()
    codes: Grids = levels[0].numpy()
    with output_file(files.audit, overwrite=True) as file:
        return audit_images(
            prepared,
            images,
            codes,
            files.names,
            origin=f"{files.codes.parent}",
            keep=partial(directory.write, file),
            progress=progress_for("audit"),
        )
