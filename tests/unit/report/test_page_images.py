from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scanvq.report.figures.all import all_figures
from scanvq.report.figures.page_images import LIMIT, PageImages
from scanvq.report.figures.tiles import Row, Sheet, Tile
from scanvq.report.page import page
from scanvq.report.report_data import ReconstructedImage, ReportData


def noise(seed: int, side: int) -> np.ndarray:
    return np.random.default_rng(seed).random((side, side), dtype=np.float32)


def sheet(count: int, side: int) -> Sheet:
    tiles = [Tile(pixels=(noise(n, side) * 255).astype(np.uint8)) for n in range(count)]
    codes = Tile(pixels=np.zeros((4, 4, 3), np.uint8), pixelated=True)
    return Sheet(name="noise", rows=(Row(tiles=(*tiles, codes)),))


def test_small_pages_are_exact() -> None:
    one = sheet(2, 32)
    images = PageImages([one])
    assert images.note == ""
    assert all(images.uri(tile) == tile.uri() for tile in one.rows[0].tiles)


def test_large_pages_are_compressed_and_say_so() -> None:
    one = sheet(9, 1024)
    images = PageImages([one])
    assert "JPEG" in images.note
    *tiles, codes = one.rows[0].tiles
    assert all(images.uri(tile).startswith("data:image/jpeg;base64,") for tile in tiles)
    assert images.uri(codes) == codes.uri()
    assert sum(len(images.uri(tile)) for tile in tiles) <= LIMIT


@pytest.mark.slow
def test_a_page_of_large_scans_is_below_10_mb(report_data: ReportData) -> None:
    def large(number: int) -> ReconstructedImage:
        return ReconstructedImage(
            image=noise(number, 900),
            name=f"{number}.png",
            codes=(np.zeros((4, 6), np.int64),),
            reconstruction=noise(100 + number, 900),
            ssim=0.5,
            rank="worst",
        )

    found = tuple(map(large, range(2)))
    heavy = replace(report_data, reconstructions=found, ranked=found, histories={})
    html = page(heavy, all_figures(heavy))
    assert len(html.encode()) < 10_000_000
    assert "The images on this page are compressed" in html
