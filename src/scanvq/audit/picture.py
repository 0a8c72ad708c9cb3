"""A picture of the created images that are nearest to training scans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scanvq.audit.auditor import Auditor
from scanvq.audit.scans import Images, Scans
from scanvq.report.figures.colors import gray
from scanvq.report.figures.tiles import Row, Sheet, Tile
from scanvq.storage.files import write_bytes

PAIRS = 8


def write_picture(file: Path, auditor: Auditor, images: Images, results: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows of sample, nearest training scan and nearest held-out scan, the most suspicious first.

    Args:
        file: a PNG.
        auditor: that found them.
        images: (n, H, W), the created ones.
        results: the n entries of audit.json.
    """
    order = sorted(range(len(results)), key=lambda place: _suspicion(results[place]))
    rows = []
    for place in order[:PAIRS]:
        one = results[place]
        training = _image(auditor.training, one["nearest"])
        held_out = _image(auditor.held_out, one["held_out"]["file"])
        verdict = " · COPY" if one["copy"] else ""
        rows.append(
            Row(
                heading=f"{one['file']} · p {one['p']:.3f}{verdict} · {one['nearest']}",
                tiles=(
                    Tile(pixels=gray(images[place]), label="sample", synthetic=True),
                    Tile(pixels=gray(training), label=_label("training", one["pixels"])),
                    Tile(pixels=gray(held_out), label=_label("held-out", one["held_out"])),
                ),
            )
        )
    write_bytes(file, Sheet(name="closest-pairs", rows=tuple(rows), columns=3, fixed=True).draw().png)


def _suspicion(result: Mapping[str, Any]) -> tuple[float, float]:
    return result["p"], -result["pixels"]["correlation"]


def _label(name: str, neighbor: Mapping[str, Any]) -> str:
    return f"{name} {neighbor['correlation']:.2f}{' mirrored' if neighbor['mirrored'] else ''}"


def _image(scans: Scans, file: str) -> Images:
    return scans.read(np.array([scans.files.index(file)], np.int64))[0]
