"""As many samples of each class: their conditions, and the table of their labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import torch

from scanvq.conditions.condition import Condition
from scanvq.model.model import Model
from scanvq.model.requested_values import RequestedValues, sample_condition
from scanvq.storage.files import write_text

TABLE = "labels.csv"


def class_condition(
    model: Model, per_label: int, *, condition: RequestedValues | None = None, seed: int
) -> Condition:
    """Conditions of `per_label` samples of every label, in the order of the labels.

    Args:
        model: trained with labels.
        per_label: number of samples of each label.
        condition: requested values of other conditions; those that are not given are sampled.
        seed: the conditions of sample i depend on the seed, i and its label alone.

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
    return Condition(
        categories={name: torch.cat([one.categories[name] for one in drawn]) for name in drawn[0].categories},
        numbers={name: torch.cat([one.numbers[name] for one in drawn]) for name in drawn[0].numbers},
    )


def write_label_table(out: Path, names: Sequence[str], labels: Sequence[str]) -> None:
    """Writes `labels.csv`: path, subject and label of each sample, as `scanvq fit` reads it."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["path", "subject", "label"])
    for number, (name, label) in enumerate(zip(names, labels, strict=True)):
        table.writerow([name, f"sample{number}", label])
    write_text(out / TABLE, text.getvalue())
