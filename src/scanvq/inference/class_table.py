"""As many samples of each class, with the table of their labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from scanvq.conditions.condition import Condition
from scanvq.model.model import Model
from scanvq.model.requested_values import RequestedValues, sample_condition
from scanvq.model.sample import sample_codes
from scanvq.storage.files import write_text
from scanvq.types import Codes, Progress, SamplingParams

TABLE = "labels.csv"


def sample_classes(
    model: Model,
    per_label: int,
    *,
    condition: RequestedValues | None = None,
    params: SamplingParams,
    seed: int,
    progress: Progress | None = None,
) -> tuple[Codes, list[str]]:
    """Samples codes of every label, (n, h, w) for each level, and the label of each sample.

    Args:
        model: trained with labels.
        per_label: number of samples of each label.
        condition: requested values of other conditions; those that are not given are sampled.
        params: sampling parameters.
        seed: sample i depends on the seed, i and its label alone.
        progress: called with samples done and all.

    Raises:
        ValueError: a model without labels, or a requested label.
    """
    labels, requested = model.labels, dict(condition or {})
    if not labels:
        raise ValueError("--per-label is for a model that was trained with labels; give --count instead")
    if "label" in requested:
        raise ValueError(f"--per-label samples every label; leave the label {requested['label']} out")
    total = per_label * len(labels)
    drawn = [
        sample_condition(model.joint, total, {**requested, "label": label}, seed=seed)[
            number * per_label : (number + 1) * per_label
        ]
        for number, label in enumerate(labels)
    ]
    joined = Condition(
        categories={name: torch.cat([one.categories[name] for one in drawn]) for name in drawn[0].categories},
        numbers={name: torch.cat([one.numbers[name] for one in drawn]) for name in drawn[0].numbers},
    )
    codes = sample_codes(
        model.prior,
        model.code_shapes,
        total,
        condition=joined,
        params=replace(params, guided=(*requested, "label")),
        seed=seed,
        device=model.device,
        progress=progress,
    )
    return codes, [label for label in labels for _ in range(per_label)]


def write_label_table(out: Path, names: Sequence[str], labels: Sequence[str]) -> None:
    """Writes `labels.csv`: path, subject and label of each sample, as `scanvq fit` reads it."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["path", "subject", "label"])
    for number, (name, label) in enumerate(zip(names, labels, strict=True)):
        table.writerow([name, f"sample{number}", label])
    write_text(out / TABLE, text.getvalue())
