"""The scores of each test image as a table."""

from __future__ import annotations

import csv
import io

from scanvq.evaluation.evaluate import Evaluation
from scanvq.store.run_data import RunData


def score_table(evaluation: Evaluation, data: RunData, split: str) -> str:
    """CSV: file, slice (from 0), subject, each score, the error of each band, each measured rate.

    Args:
        evaluation: of the split.
        data: of the split.
        split: of `data`.
    """
    tokenizer, rates = evaluation.tokenizer, evaluation.rates.measured
    bands = range(tokenizer.bands.shape[1])
    columns = [
        *tokenizer.scores.items(),
        *((f"band_error_{band + 1}", tokenizer.bands[:, band]) for band in bands),
        *((f"{name}_bits_per_pixel", values) for name, values in rates.items()),
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "slice", "subject", *(name for name, _ in columns)])
    for number, row in enumerate(data.rows(split)):
        entry = data.catalog.entries[int(data.store.entry[row])]
        scores = [f"{values[number]:.7g}" for _, values in columns]
        writer.writerow([entry.path.as_posix(), int(data.store.slice_index[row]), entry.subject, *scores])
    return text.getvalue()
