from __future__ import annotations

from pathlib import Path

import pytest

from scanvq.imaging.formats import FORMATS
from scanvq.inference.inpaint import completed_file

OUT = Path("out")


@pytest.mark.parametrize("name", [name for name, one in FORMATS.items() if one.lossless])
def test_a_completion_has_the_format_of_its_scan(name: str) -> None:
    suffix = FORMATS[name].suffixes[-1]
    assert completed_file(OUT, Path(f"a/scan{suffix}"), 2) == (OUT / f"scan_2{suffix}", FORMATS[name])


@pytest.mark.parametrize("name", [name for name, one in FORMATS.items() if not one.lossless])
def test_a_completion_of_a_lossy_file_becomes_png(name: str) -> None:
    for suffix in FORMATS[name].suffixes:
        assert completed_file(OUT, Path(f"a/scan{suffix}"), 0) == (OUT / "scan_0.png", FORMATS["png"])


def test_a_completion_of_an_image_of_an_npz_file_becomes_png() -> None:
    expected = OUT / "small_test_images_3_1.png"
    assert completed_file(OUT, Path("a/small.npz/test_images/3"), 1) == (expected, FORMATS["png"])
