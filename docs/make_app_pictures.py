"""Takes the pictures of the app in docs/pictures: `python docs/make_app_pictures.py MODEL SCAN OTHER_SCAN`.

Needs the extra `app`, Playwright and Chromium.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from scanvq.app.limits import Limits
from scanvq.app.serve import running_app
from scanvq.app.served_model import open_model

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOLDER = Path(__file__).parent / "pictures"
WIDTH, HEIGHT, NARROW = 1200, 900, 390
PATIENCE = 240_000  # milliseconds


def save(page: Page, name: str) -> None:
    """The window as a PNG of at most 256 colors."""
    page.wait_for_timeout(600)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
            FOLDER / f"app-{name}.png", optimize=True
        )
    print(FOLDER / f"app-{name}.png")


def drag(page: Page, selector: str, points: list[tuple[float, float]]) -> None:
    """Draws a line through points, which are shares of the width and height of an element."""
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    for number, (across, down) in enumerate(points):
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"], steps=12)
        if number == 0:
            page.mouse.down()
    page.mouse.up()


def click(page: Page, across: float, down: float) -> None:
    """Clicks a cell of the codes and waits for the image."""
    before = page.text_content("#codes-note")
    box = page.locator("#codes-grid img").bounding_box()
    assert box is not None
    page.locator("#codes-grid img").click(position={"x": across * box["width"], "y": down * box["height"]})
    page.wait_for_function("old => document.querySelector('#codes-note').textContent !== old", arg=before)


def upload(page: Page, name: str, scan: Path) -> None:
    """Uploads a scan and waits until it was read."""
    page.set_input_files(f"#{name}-file input[type=file]", str(scan))
    page.wait_for_selector(f":text('{scan.name}') >> visible=true")


def take_all(page: Page, scan: Path, other: Path) -> None:
    """Every picture, in the order in which a visitor would see them."""
    page.click("#create-button")
    page.wait_for_selector(":text('16 images in ')")
    save(page, "create")

    page.get_by_role("tab", name="Codes").click()
    upload(page, "codes", scan)
    page.wait_for_selector("#codes-decoded img")
    page.click("text=Another scan, to copy a region from")
    upload(page, "other", other)
    page.click("text=mark a corner")
    click(page, 0.2, 0.2)
    click(page, 0.5, 0.5)
    page.click("text=Copy region")
    page.wait_for_selector("#codes-note :text('copied the marked region')")
    page.click("text=Another scan, to copy a region from")
    save(page, "codes")

    page.get_by_role("tab", name="Score").click()
    upload(page, "score", scan)
    page.click("#score-button")
    page.wait_for_selector("table.scores")
    save(page, "score")

    page.get_by_role("tab", name="Complete").click()
    upload(page, "complete", scan)
    page.wait_for_selector("#complete-editor canvas")
    page.wait_for_timeout(1500)
    drag(page, "#complete-editor canvas", [(0.55, 0.3), (0.62, 0.3), (0.55, 0.4), (0.62, 0.4), (0.56, 0.5)])
    page.wait_for_timeout(800)
    page.click("#complete-button")
    page.wait_for_function("document.querySelectorAll('#complete-result figure').length === 7")
    page.locator("#complete-result").scroll_into_view_if_needed()
    page.mouse.wheel(0, 2000)
    save(page, "complete")

    page.set_viewport_size({"width": NARROW, "height": HEIGHT})
    page.get_by_role("tab", name="Create").click()
    page.locator("#create-sheet").scroll_into_view_if_needed()
    page.mouse.wheel(0, 700)
    save(page, "phone")


def main() -> None:
    """Serves the run and takes the pictures."""
    from playwright.sync_api import sync_playwright

    run, scan, other = map(Path, sys.argv[1:])
    served = open_model(run, device="auto", audit=True, progress_for=lambda name: lambda *_: None)
    with running_app(served, limits=Limits()) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        take_all(page, scan, other)
        browser.close()


if __name__ == "__main__":
    main()
