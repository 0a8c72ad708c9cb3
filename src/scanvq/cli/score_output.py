"""What `scanvq score` writes and prints."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
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
    """The files and lines of one command.

    The files appear in the folder together at the end of a `with` block; also after an error or Ctrl-C, which
    end it early, unless scores that are complete would be replaced.

    Args:
        out: the folder; None = only lines.
        stems: of the scans.
        model: for the scale of the panels.
        overwrite: replace earlier scores, see `output_folder`.

    Raises:
        OutputError: when the block begins; an output is in `out` already.
    """

    def __init__(self, out: Path | None, stems: Sequence[Path], model: Model, *, overwrite: bool) -> None:
        self._out = out
        self._names = [Path(TABLE), *map(_panel, stems), *map(_maps, stems)]
        self._overwrite = overwrite
        self._moving = ExitStack()
        self._folder = Path()
        self._model = model
        self._lines: list[list[str]] = []
        self._titles: list[str] = []
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> ScoreOutput:
        from scanvq.storage.output_folder import output_folder

        if self._out is not None:
            moving = output_folder(self._out, self._names, overwrite=self._overwrite)
            self._folder = self._moving.enter_context(moving)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._overwrite:
            self._moving.__exit__(kind, error, trace)
            return
        with self._moving:
            if self._rows:
                self._write_table()

    def add(self, file: ScoredFile) -> None:
        """Writes the panel and the maps of a file, and keeps its rows and its line."""
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
        self._write_panel(file, self._folder / _panel(file.stem))
        self._write_maps(file, self._folder / _maps(file.stem))
        self._rows += file.rows()

    def _write_table(self) -> None:
        from scanvq.storage.files import write_text

        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(self._rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows)
        write_text(self._folder / TABLE, text.getvalue())

    def _write_panel(self, file: ScoredFile, path: Path) -> None:
        from scanvq.report.figures.score_panel import save_score_panel, score_rows

        ranking = file.scores.get("map", file.scores["residual"])
        chosen = np.sort(np.argsort(-ranking, kind="stable")[:ROWS_OF_PANEL])
        save_score_panel(path, score_rows(file, chosen.tolist(), model=self._model))

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


def _panel(stem: Path) -> Path:
    return Path("panels") / stem.with_name(f"{stem.name}.png")


def _maps(stem: Path) -> Path:
    return Path("maps") / stem.with_name(f"{stem.name}.npz")


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
