"""Bits a pixel of the five reports' settings."""

import pytest

from scanvq.metrics.rate import bits_per_pixel


@pytest.mark.parametrize(
    ("shapes", "sizes", "height", "width", "expected"),
    [
        ([(64, 32)], [512], 256, 128, 0.5625),
        ([(32, 32)], [256], 256, 256, 0.125),
        ([(32, 16), (64, 32)], [512, 512], 256, 128, 0.703125),
        ([(1, 1)], [1], 8, 8, 0.0),
    ],
)
def test_every_code_takes_log2_of_its_codebook(
    shapes: list[tuple[int, int]], sizes: list[int], height: int, width: int, expected: float
) -> None:
    assert bits_per_pixel(shapes, sizes, height, width) == pytest.approx(expected)


def test_levels_and_codebooks_must_match() -> None:
    with pytest.raises(ValueError, match="2 levels of codes, but 1 codebook sizes"):
        bits_per_pixel([(2, 2), (4, 4)], [8], 16, 16)
    with pytest.raises(ValueError, match="no pixels"):
        bits_per_pixel([(2, 2)], [8], 0, 16)
