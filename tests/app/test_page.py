"""The page in a real browser: create, click a code, paint, score; nothing is loaded from elsewhere."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.chromium import executable

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(executable() is None, reason="no Chromium is installed"),
    pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="no Playwright is installed"),
]
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Page]:
    """The page at 1200 pixels, opened once; every request goes to the app."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(OPTIONS))
        found = browser.new_page(viewport={"width": 1200, "height": 900})
        found.set_default_timeout(60_000)
        requested: list[str] = []
        errors: list[str] = []
        found.on("request", lambda request: requested.append(request.url))
        found.on("pageerror", lambda error: errors.append(str(error)))
        found.goto(address)
        found.wait_for_selector("#create-button")
        yield found
        browser.close()
    assert errors == []
    assert [url for url in requested if not url.startswith((f"{address}/", "data:", "blob:"))] == []


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def count(page: Page, selector: str, number: int) -> None:
    """Waits until so many elements are there."""
    page.wait_for_function(f"document.querySelectorAll({selector!r}).length === {number}")


def test_create_then_click_a_code(page: Page) -> None:
    page.fill("#create-count input[type=number]", "4")
    page.click("#create-button")
    count(page, "#create-sheet a[download$='.json']", 4)
    count(page, "#create-sheet figure", 8)  # each with its nearest training scan
    assert page.locator("#create-sheet .synthetic").count() == 4
    tab(page, "Codes")
    page.click("#codes-take")
    page.wait_for_selector("#codes-decoded img")
    page.wait_for_selector("#codes-grid img")
    before = page.get_attribute("#codes-decoded img", "src")
    page.fill("#codes-code input", "3")
    number = None
    for across in (0.5, 0.3):  # one of both cells is not 3 yet
        page.locator("#codes-grid img").click(position=place(page, across))
        page.wait_for_function("document.querySelector('#codes-note').textContent.includes('is now 3')")
        number = number or page.text_content("#codes-note")
        if page.get_attribute("#codes-decoded img", "src") != before:
            break
    assert page.get_attribute("#codes-decoded img", "src") != before
    assert "1 of them changed" in str(page.text_content("#codes-decoded"))
    assert "row 4" in str(number)  # the middle of 8 rows


def place(page: Page, across: float) -> dict[str, float]:
    box = page.locator("#codes-grid img").bounding_box()
    assert box is not None
    return {"x": box["width"] * across, "y": box["height"] * 0.55}


def test_a_refusal_is_shown(page: Page, tmp_path: Path) -> None:
    tab(page, "Score")
    page.click("#score-button")
    page.wait_for_selector(".toast-body:has-text('no scan is given; upload')")
    text = tmp_path / "text.png"
    text.write_text("no image")
    page.set_input_files("#score-file input[type=file]", str(text))
    page.wait_for_selector(".toast-body:has-text('text.png: not a PNG file')")
    assert "Traceback" not in page.content()


@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_is_cut_off(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for name in ("Create", "Codes", "Score"):
        if width > 600:
            tab(page, name)
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_paint_and_complete(page: Page, scans: Path) -> None:
    """The last one: without a GPU, the editor that it opens slows the page down."""
    page.set_viewport_size({"width": 900, "height": 700})
    tab(page, "Complete")
    page.set_input_files("#complete-file input[type=file]", str(scans / "s00_0.png"))
    page.wait_for_selector("#complete-panel :text('s00_0.png')")
    page.wait_for_selector("#complete-editor canvas")
    page.wait_for_timeout(1000)  # the editor shows its picture without an event
    box = page.locator("#complete-editor canvas").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 40, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=8)
    page.mouse.up()
    page.wait_for_timeout(500)
    page.click("#complete-button")
    count(page, "#complete-result figure", 6)  # given, to complete, 3 completions, spread
