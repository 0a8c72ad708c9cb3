"""Charts and sheets: what they show, as PNG and SVG, the same bytes each time."""

import io
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from scanvq.report.figures.all import Figures, all_figures
from scanvq.report.figures.chart import draw
from scanvq.report.figures.codebook import code_use
from scanvq.report.figures.colors import code_colors, difference_colors, gray
from scanvq.report.figures.curves import curve, curve_names
from scanvq.report.figures.drawn import Drawn
from scanvq.report.figures.scores import ssim_histogram
from scanvq.report.material import Material

TRAINING = [
    {"step": s, "epoch": float(s), "seconds": 1.0, "split": "train", "loss": 9.0 - s} for s in range(11)
]


def test_every_curve_is_drawn_whole_and_once_more_from_its_last_fifth() -> None:
    whole = curve(TRAINING, "loss", label="total loss").axes[0]
    last = curve(TRAINING, "loss", label="total loss", last_fifth=True).axes[0]
    assert whole.lines[0].get_xdata().tolist() == list(range(11))
    assert last.lines[0].get_xdata().tolist() == [8, 9, 10]
    assert whole.get_ylabel() == "total loss"


def test_numbers_that_are_not_finite_or_missing_are_left_out() -> None:
    odd = [{**TRAINING[s], "loss": value} for s, value in ((1, float("nan")), (2, float("inf")), (3, 0.5))]
    odd.append({name: value for name, value in TRAINING[4].items() if name != "loss"})
    assert curve(odd, "loss", label="loss").axes[0].lines[0].get_ydata().tolist() == [0.5]
    assert not curve(odd[:2], "loss", label="loss").axes[0].lines


def test_a_total_that_only_repeats_its_one_part_has_no_curve_of_its_own() -> None:
    records = [{**record, "bits_per_code": record["loss"]} for record in TRAINING]
    assert curve_names(records) == ["bits_per_code"]
    assert curve_names(TRAINING) == ["loss"]


def test_the_histogram_counts_every_image_and_says_how_many_pass() -> None:
    scores = np.array([-0.1, 0.2, 0.6, 0.7, 1.0, 1.0000001])
    axes = ssim_histogram(scores).axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == len(scores)
    assert "50% of 6 above 0.6" in axes.get_title(loc="left")


@pytest.mark.parametrize("counts", [[0, 3, 9, 0], [5], [0, 0]])
def test_code_use_says_how_many_are_used(counts: list[int]) -> None:
    title = code_use(np.array(counts)).axes[0].get_title(loc="left")
    assert title.startswith(f"{sum(count > 0 for count in counts)} of {len(counts)} used")


def test_pictures_keep_black_white_and_the_unknown_apart() -> None:
    assert gray(np.array([[-1.0, 0.0, 0.5, 1.0, 2.0]])).tolist() == [[0, 0, 128, 255, 255]]
    codes = code_colors(np.array([[-1, 0, 15]]), codebook_size=16)
    assert codes[0, 0].tolist() == [128, 128, 128]
    assert len({tuple(pixel) for pixel in codes[0].tolist()}) == 3
    same = np.full((2, 2), 0.4)
    assert difference_colors(same, same).max() < 10


def test_a_figure_is_a_png_and_an_svg_under_its_own_name(figures: Figures) -> None:
    finished = [*figures.charts.values(), *(sheet.draw() for sheet in figures.sheets.values())]
    assert len({one.name for one in finished}) == len(finished)
    for one in finished:
        assert min(Image.open(io.BytesIO(one.png)).size) > 100
        ElementTree.fromstring(one.svg)


def test_the_same_chart_is_the_same_bytes() -> None:
    def drawn() -> Drawn:
        return draw(curve(TRAINING, "loss", label="loss"), "loss")

    assert drawn() == drawn()


def test_a_chart_is_a_file_of_its_folder_whatever_its_number_is_called(bare: Material) -> None:
    odd = replace(bare, histories={"prior": [{**TRAINING[0], "../../a b/<c>": 1.0}]})
    names = set(all_figures(odd).charts)
    assert names == {"prior-loss", "prior-loss-last-fifth", "prior-a-b-c", "prior-a-b-c-last-fifth"}


def test_drawing_is_counted_to_the_end(bare: Material) -> None:
    seen: list[tuple[int, int]] = []
    material = replace(bare, histories={"prior": TRAINING}, ssim=np.array([0.5, 0.7]), usage=(np.arange(4),))
    all_figures(material, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 4) for n in range(1, 5)]


def test_an_inlined_chart_follows_the_pages_theme() -> None:
    inlined = draw(curve(TRAINING, "loss", label="a < b"), "one").inline('a "quoted" chart')
    ElementTree.fromstring(inlined)
    assert "var(--first)" in inlined
    assert "#0b6e99" not in inlined
    assert 'aria-label="a &quot;quoted&quot; chart"' in inlined
