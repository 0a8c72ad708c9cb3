"""Report and comparison in a real browser: no error, nothing cut off, at every width, light, dark, "
"printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Page, browser, executable

WIDTHS = (360, 800, 1600)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(executable() is None, reason="no Chromium is installed"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    program = executable()
    assert program is not None
    with browser(program, tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.mark.parametrize("name", ["report", "comparison"])
def test_nothing_is_cut_off_and_nothing_fails(page: Page, name: str, pages: dict[str, Path]) -> None:
    for width in WIDTHS:
        page.open(pages[name], width=width)
        found = page.measure()
        assert found["window"] == width
        assert found["wide"] <= width
        assert found["outside"] == []
        assert found["broken"] == 0
        assert page.errors == []


def test_a_wide_element_would_be_found(page: Page, tmp_path: Path) -> None:
    """The measurement itself: it sees a box that leaves the window, a broken image and a script's error."""
    wide = tmp_path / "wide.html"
    wide.write_text(
        '<div style="width: 500px; height: 9px"></div><img src="data:,x"><script>undefined.x</script>',
        encoding="utf-8",
    )
    page.open(wide, width=360)
    found = page.measure()
    assert found["wide"] == 500 or found["wide"] > 360
    assert len(found["outside"]) == 1
    assert found["broken"] == 1
    assert page.errors


@pytest.mark.parametrize("name", ["report", "comparison"])
def test_colors_follow_the_system_and_the_choice(page: Page, name: str, pages: dict[str, Path]) -> None:
    def background() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    page.open(pages[name], width=800)
    light = background()
    page.evaluate("document.getElementById('theme-dark').click()")
    dark = background()
    assert dark != light
    page.open(pages[name], width=800, dark=True)
    assert background() == dark
    page.evaluate("document.getElementById('theme-light').click()")
    assert background() == light


def test_a_definition_is_one_click_away(page: Page, pages: dict[str, Path]) -> None:
    page.open(pages["report"], width=800)
    page.evaluate("document.querySelector('a.term[href=\"#define-ssim\"]').click()")
    assert page.evaluate("document.querySelector(':target dt').textContent") == "SSIM"


def test_it_prints(page: Page, pages: dict[str, Path]) -> None:
    page.open(pages["report"], width=1600, dark=True)
    assert page.pdf().startswith(b"%PDF-")
