from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from scanvq.imaging.formats import Provenance
from scanvq.report.figures.all import all_figures
from scanvq.report.figures.chart import draw
from scanvq.report.figures.codebook import code_use
from scanvq.report.figures.colors import code_colors, difference_colors, gray
from scanvq.report.figures.curves import curve, curve_names
from scanvq.report.figures.film import film
from scanvq.report.figures.panels import save_completions, save_panel
from scanvq.report.figures.rendered_figure import RenderedFigure
from scanvq.report.figures.scores import ssim_histogram
from scanvq.report.figures.tiles import GAP, HEADING, LABEL, Row, Sheet, Tile, cell_size
from scanvq.report.report_data import ReportData

CURVES = [
    {"step": n, "epoch": n / 2, "seconds": 0.0, "split": "train", "loss": 10.0 / n, "bits_per_code": 10.0 / n}
    for n in range(1, 11)
]


def is_valid(figure: RenderedFigure) -> bool:
    with Image.open(io.BytesIO(figure.png)) as picture:
        picture.load()
        assert picture.format == "PNG"
    return ElementTree.fromstring(figure.svg).tag == "{http://www.w3.org/2000/svg}svg"


def test_every_figure_of_a_page_is_png_and_svg(report_data: ReportData) -> None:
    figures = all_figures(report_data)
    rendered_figures = [*figures.charts.values(), *(sheet.draw() for sheet in figures.sheets.values())]
    assert [rendered.name for rendered in rendered_figures if not is_valid(rendered)] == []
    assert {
        "ssim-histogram",
        "separation",
        "codebook-0",
        "tokenizer-ssim",
        "tokenizer-ssim-last-fifth",
    } <= set(figures.charts)
    assert set(figures.sheets) == {
        "contact-sheet",
        "reconstructions",
        "first-look",
        "real-reconstructed-created",
        "worst-reconstructions",
        "nearest",
        "generated",
        "generated-codes",
        "completions",
        "tokenizer-progress",
        "prior-progress",
    }


def test_without_data_there_is_no_figure(bare: ReportData) -> None:
    figures = all_figures(bare)
    assert (figures.charts, figures.curves, figures.sheets) == ({}, {}, {})


def test_drawing_reports_progress(report_data: ReportData) -> None:
    reported: list[tuple[int, int]] = []
    all_figures(report_data, progress=lambda done, total: reported.append((done, total)))
    assert reported[-1][0] == reported[-1][1] == len(reported) == 11


def test_a_loss_that_copies_another_number_has_no_curve() -> None:
    assert curve_names(CURVES) == ["bits_per_code"]
    assert curve_names([{**record, "loss": 0.0} for record in CURVES]) == ["loss", "bits_per_code"]


def test_the_last_fifth_shows_the_last_fifth_only() -> None:
    (line,) = curve(CURVES, "loss", label="loss", last_fifth=True).axes[0].lines
    assert list(line.get_xdata()) == [4.0, 4.5, 5.0]


def test_none_and_infinite_values_are_skipped() -> None:
    broken = [*CURVES, {**CURVES[-1], "loss": None}, {**CURVES[-1], "loss": float("inf")}]
    (line,) = curve(broken, "loss", label="loss").axes[0].lines
    assert len(line.get_xdata()) == len(CURVES)
    assert is_valid(draw(curve([], "loss", label="loss"), "empty"))


def test_the_same_chart_is_the_same_bytes() -> None:
    first, second = (draw(ssim_histogram(np.linspace(0.3, 0.9, 20)), "same") for _ in range(2))
    assert first == second


def test_the_histogram_shows_the_share_above_the_threshold() -> None:
    axes = ssim_histogram(np.array([0.5, 0.6, 0.7, 0.8])).axes[0]
    assert axes.get_title(loc="left").startswith("50% of 4 above 0.6")


def test_the_histogram_counts_every_image() -> None:
    scores = np.array([-0.1, 0.2, 0.6, 0.7, 1.0, 1.0000001])
    axes = ssim_histogram(scores).axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == len(scores)


@pytest.mark.parametrize("counts", [[0, 3, 9, 0], [5], [0, 0]])
def test_code_use_shows_how_many_are_used(counts: list[int]) -> None:
    figure = code_use(np.array(counts))
    title = figure.axes[0].get_title(loc="left")
    assert title.startswith(f"{sum(count > 0 for count in counts)} of {len(counts)} used")
    assert is_valid(draw(figure, "none"))


def test_an_inline_chart_has_unique_ids_and_a_description() -> None:
    figure = draw(code_use(np.array([3, 1])), "use")
    inline = figure.inline('codes "0" & <1>')
    assert 'aria-label="codes &quot;0&quot; &amp; &lt;1&gt;"' in inline
    elements = list(ElementTree.fromstring(inline).iter())
    assert elements[0].tag == "{http://www.w3.org/2000/svg}svg"
    ids = [e.get("id") for e in elements if e.get("id")]
    assert ids
    assert all(name.startswith("use-") for name in ids)


def test_colors() -> None:
    assert gray(np.array([[-1.0, 0.0, 0.5, 2.0]])).tolist() == [[0, 0, 128, 255]]
    codes = code_colors(np.array([[0, 7, -1]]), codebook_size=8)
    assert codes.shape == (1, 3, 3)
    assert codes[0, 0].tolist() != codes[0, 1].tolist()
    assert codes[0, 2].tolist() == [128, 128, 128]
    same = difference_colors(np.ones((2, 2)), np.ones((2, 2)))
    assert same.max() < 10


def test_the_size_of_a_sheet_fits_its_tiles() -> None:
    tiles = tuple(Tile(pixels=np.zeros((32, 64), np.uint8), label="a long name " * 20) for _ in range(5))
    sheet = Sheet(name="sheet", rows=(Row(tiles=tiles, heading="row"),), columns=3)
    assert cell_size(sheet) == (128, 64)
    with Image.open(io.BytesIO(sheet.draw().png)) as picture:
        assert picture.size == (GAP + 3 * (128 + GAP), GAP + HEADING + 2 * (64 + LABEL) + GAP)


@pytest.mark.parametrize("grids", [[(4, 6)], [(2, 3), (4, 6)]])
def test_a_panel_is_saved_side_by_side(tmp_path: Path, grids: list[tuple[int, int]]) -> None:
    path = tmp_path / "panels" / "one.png"
    image = np.full((16, 24), 0.5, np.float32)
    codes = [np.arange(h * w).reshape(h, w) for h, w in grids]
    save_panel(path, image, codes, image, codebook_sizes=[24] * len(grids))
    times = 6  # 24 pixels become at least 128
    with Image.open(path) as picture:
        count = 3 + len(grids)
        assert picture.size == (GAP + count * (24 * times + GAP), 2 * GAP + 16 * times + LABEL)
        colors = picture.convert("RGB")
        middle = (GAP + 12 * times, GAP + 8 * times)
        assert colors.getpixel(middle) == (128, 128, 128)
        corner = (GAP + (24 * times + GAP), GAP)
        assert colors.getpixel(corner) == tuple(code_colors(codes[0], codebook_size=24)[0, 0])
    assert [file.name for file in path.parent.iterdir()] == ["one.png"]


@pytest.mark.parametrize("count", [1, 3])
def test_completions_are_saved_side_by_side_with_their_spread(tmp_path: Path, count: int) -> None:
    path = tmp_path / "panels" / "one.png"
    unknown = np.zeros((128, 128), np.bool_)
    unknown[64:] = True
    image = np.full((128, 128), 0.5, np.float32)
    completions = np.where(unknown, np.linspace(0, 0.8, count)[:, None, None], image).astype(np.float32)
    save_completions(path, image, unknown, completions, provenance=Provenance(model="0" * 16, seed=0))
    with Image.open(path) as picture:
        assert "SYNTHETIC" in str(picture.info)
        colors = picture.convert("RGB")
        tiles = 1 + count + (count > 1)
        assert picture.width == GAP + tiles * (128 + GAP)
        assert colors.getpixel((GAP + 5, GAP + 5)) == (128, 128, 128)
        assert colors.getpixel((GAP + 5, GAP + 100)) == (0, 0, 0)
        if count > 1:
            left = GAP + (tiles - 1) * (128 + GAP)
            assert sum(colors.getpixel((left + 5, GAP + 5))) < 20  # known pixels are the same in all
            assert sum(colors.getpixel((left + 5, GAP + 100))) > 300


def test_the_film_of_training_has_a_frame_for_each_step() -> None:
    def row(value: int, heading: str) -> Row:
        return Row(tiles=(Tile(pixels=np.full((128, 128), value, np.uint8)),), heading=heading)

    sheet = Sheet(name="x", rows=(row(0, "step 1"), row(99, "step 2"), row(200, "originals")), fixed=True)
    with Image.open(io.BytesIO(film(sheet))) as picture:
        assert picture.n_frames == 2
        for number, value in enumerate((0, 99)):
            picture.seek(number)
            colors = picture.convert("L")
            below = GAP + HEADING + 128 + LABEL + GAP + HEADING
            assert colors.getpixel((GAP + 60, GAP + HEADING + 60)) == value
            assert colors.getpixel((GAP + 60, below + 60)) == 200
