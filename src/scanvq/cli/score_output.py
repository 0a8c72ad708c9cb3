"""What `scanvq score` writes and prints."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scanvq.inference.lesion_scores import MapQuality
    from scanvq.inference.score import ScoredFile
    from scanvq.model.calibration import Calibration
    from scanvq.model.model import Model

TABLE = "scores.csv"
ROWS_OF_PANEL = 8  # slices of a volume, those with the highest scores
TITLES = {"bits_per_pixel": "bits/pixel", "residual": "residual", "map": "map"}


class ScoreOutput:
    """The files and lines of one command; each file is written as soon as it is scored.

    Args:
        out: the folder; None = only lines.
        model: for the scale of the panels.
        overwrite: replace scores that are there.

    Raises:
        ValueError: `out` has scores, and `overwrite` is False.
    """

    def __init__(self, out: Path | None, model: Model, *, overwrite: bool) -> None:
        from scanvq.metrics.rate import bits_per_pixel

        self._out = out
        geometry, sizes = model.preparation.geometry, model.tokenizer.codebook_sizes
        self._brightest = 2 * bits_per_pixel(model.code_shapes, sizes, geometry.height, geometry.width)
        self._lines: list[list[str]] = []
        self._titles: list[str] = []
        self._begun = False
        if out is not None and self.table.exists() and not overwrite:
            raise ValueError(
                f"{self.table} is there already; choose another --out, or replace it by --overwrite"
            )

    @property
    def table(self) -> Path:
        """The path of the CSV."""
        return (self._out or Path()) / TABLE

    def add(self, file: ScoredFile) -> None:
        """Writes rows of the CSV, the panel and the maps of a file, and keeps its line for `show`."""
        place = file.worst
        cells = {"slices": str(len(file.slices)), "highest": str(file.slices[place])}
        for name, title in TITLES.items():
            if name in file.scores:
                cells[title] = f"{file.scores[name][place]:.4g}"
        if file.file_p is not None:
            cells["p"] = f"{file.file_p:.3f}"
        self._titles = list(cells)
        self._lines.append([file.name.as_posix(), *cells.values()])
        if self._out is None:
            return
        self._write_rows(file)
        self._write_panel(file, self._out / "panels" / file.stem.with_name(f"{file.stem.name}.png"))
        self._write_maps(file, self._out / "maps" / file.stem.with_name(f"{file.stem.name}.npz"))

    def _write_rows(self, file: ScoredFile) -> None:
        from scanvq.storage.files import write_text

        rows = file.rows()
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        if not self._begun:
            writer.writeheader()
        writer.writerows(rows)
        if self._begun:
            with self.table.open("a", encoding="utf-8") as table:
                table.write(text.getvalue())
        else:
            write_text(self.table, text.getvalue())
            self._begun = True

    def _write_panel(self, file: ScoredFile, path: Path) -> None:
        from scanvq.report.figures.score_panel import save_score_panel, score_row

        ranking = file.scores.get("map", file.scores["residual"])
        chosen = np.sort(np.argsort(-ranking, kind="stable")[:ROWS_OF_PANEL])
        rows = []
        for place in chosen.tolist():
            p = "" if "map" not in file.p else f", p {file.p['map'][place]:.3f}"
            low, high = float(file.pixels.min()), float(file.pixels.max())
            rows.append(
                score_row(
                    (file.pixels[place] - low) / max(high - low, 1e-9),
                    {name: maps[place] for name, maps in file.maps.items()},
                    brightest_bits=self._brightest,
                    mask=None if file.mask is None else file.mask[place],
                    heading=f"{file.name.name}, slice {file.slices[place]}{p}",
                )
            )
        save_score_panel(path, tuple(rows))

    @staticmethod
    def _write_maps(file: ScoredFile, path: Path) -> None:
        from scanvq.storage.files import write_bytes

        content = io.BytesIO()
        arrays: dict[str, Any] = {"slices": file.slices, **file.maps}
        np.savez_compressed(content, **arrays)
        write_bytes(path, content.getvalue())

    def show(self) -> None:
        """Prints a line for each file that was added: the scores of its slice with the highest map."""
        from rich.console import Console
        from rich.table import Table

        if not self._lines:
            return
        columns = Table(box=None, pad_edge=False)
        columns.add_column("file", overflow="fold")
        for title in self._titles:
            columns.add_column(title, justify="right")
        for cells in self._lines:
            columns.add_row(*cells)
        Console().print(columns)


def calibration_lines(calibration: Calibration | None) -> list[str]:
    """What the p-values mean, and how small they can be."""
    if calibration is None:
        return ["no p-values: not calibrated"]
    return [
        f"p: beside one slice of each of {calibration.people} held-out people ({calibration.split}); with "
        f"so many people it cannot be below {calibration.smallest_p:.3g}",
        "p of several slices: that of the highest map times their number, at most 1",
    ]


def lesion_lines(quality: Mapping[str, MapQuality]) -> list[str]:
    """How well each kind of map finds the lesions of the masks."""
    lines = ["lesions, over the foreground pixels of half of the scans; the other half chose the threshold:"]
    for name, found in quality.items():
        lines.append(
            f"  {name:<9} AUROC {found.auroc:.3f}, average precision {found.average_precision:.3f}, "
            f"Dice {found.dice:.3f} at {found.threshold:.3g}"
        )
    return lines
