"""`scanvq compress` and `decompress` as a user calls them, on scans of every format."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from scanvq.imaging.formats import format_of

Command = Callable[..., subprocess.CompletedProcess[str]]


def test_streams_give_the_reconstructions_of_every_format(
    trained: Path, own_scans: Path, scanvq: Command, tmp_path: Path
) -> None:
    said = scanvq("compress", own_scans, "--model", trained, "--out", tmp_path / "small").stdout
    assert f"wrote 7 streams to {tmp_path / 'small'}" in said
    assert "bits per pixel" in said
    scanvq("decompress", tmp_path / "small", "--model", trained, "--out", tmp_path / "back")
    scanvq("reconstruct", trained, own_scans, "--out", tmp_path / "expected", "--no-panels")
    for scan in own_scans.iterdir():
        back = tmp_path / "back" / ("photo.png" if scan.suffix == ".jpeg" else scan.name)
        assert (tmp_path / "small" / f"{scan.name}.svq").stat().st_size < 1500
        found, expected = (
            format_of(path).read(path).slices.astype(np.float64)
            for path in (back, tmp_path / "expected" / scan.name)
        )
        tolerance = 40 if scan.suffix == ".jpeg" else 0.01 * np.ptp(expected)  # JPEG loses again
        np.testing.assert_allclose(found, expected, atol=tolerance)


def test_refusals(
    trained: Path, own_scans: Path, refused: Callable[[Sequence[Sequence[object]]], list[str]], tmp_path: Path
) -> None:
    (tmp_path / "not.svq").write_bytes(b"SVQ\1 and more")
    model, out = ("--model", trained), ("--out", tmp_path / "out")
    messages = refused(
        [
            ("compress", own_scans / "eight.png", "--max-error", 2, *model, *out),
            ("decompress", tmp_path / "not.svq", *model, *out),
            ("decompress", own_scans, *model, *out),
            ("compress", own_scans / "eight.png", "--model", own_scans, *out),
        ]
    )
    assert "are resampled for this model" in messages[0]
    assert "not.svq cannot be decompressed: " in messages[1]
    assert "has no streams, which end in .svq" in messages[2]
    assert "scanvq" in messages[3]
    assert not (tmp_path / "out").exists()
