"""The page of a blind test in a real browser: answered by keys and by buttons, scored, without network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from scanvq.imaging.formats import Provenance
from scanvq.metrics.false_alarms import proportion_interval
from scanvq.quiz.page import Quiz
from tests.browser.chromium import Page, browser, executable

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


@pytest.fixture(scope="module")
def quiz() -> Quiz:
    """12 images; image i has the gray value 10 * i, so that a picture of it says which it is."""
    shades = np.arange(12, dtype=np.float32)[:, None, None].repeat(24, 1).repeat(20, 2) * 10 / 255
    provenance = Provenance(model="0123456789abcdef", seed=3)
    return Quiz.shuffled(shades[:6], shades[6:], name="<b>mine</b>", provenance=provenance, seed=3)


@pytest.fixture(scope="module")
def file(quiz: Quiz, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quiz") / "quiz.html"
    path.write_text(quiz.html(), encoding="utf-8")
    return path


def text(page: Page, name: str) -> str:
    return str(page.evaluate(f"document.getElementById('{name}').textContent"))


def press(page: Page, key: str) -> None:
    page.evaluate(f"document.dispatchEvent(new KeyboardEvent('keydown', {{key: {json.dumps(key)}}}))")


def shown_gray(page: Page) -> int:
    """The gray value of the shown image, from a copy: the browser warns of reading a canvas often."""
    return int(
        page.evaluate(
            "(() => { const copy = document.createElement('canvas').getContext('2d', "
            "{willReadFrequently: true}); copy.drawImage(document.getElementById('image'), 0, 0); "
            "return copy.getImageData(9, 9, 1, 1).data[0]; })()"
        )
    )


def test_keys_answer_and_the_score_has_its_interval(page: Page, quiz: Quiz, file: Path) -> None:
    page.open(file, width=800)
    assert text(page, "progress") == ""
    press(page, "Enter")
    right = 0
    for number, created in enumerate(quiz.created):
        assert text(page, "progress") == f"Image {number + 1} of 12"
        assert shown_gray(page) == quiz.images[number, 9, 9]
        said = bool(created) if number % 4 else not created  # wrong three times
        right += said == created
        press(page, "c" if said else "ArrowLeft")
    assert right == 9
    low, high = (f"{100 * share:.0f} %" for share in proportion_interval(9, 12))
    assert text(page, "score") == f"9 of 12 right: 75 %, 95 % interval {low} to {high}"
    assert "Guessing would do as well" in text(page, "verdict")
    rows = page.evaluate("document.getElementById('table').value").splitlines()
    assert len(rows) == 13
    truths = [row.split(",")[1] for row in rows[1:]]
    assert truths == ["created" if created else "real" for created in quiz.created]
    wrong = page.evaluate("document.querySelectorAll('#answers .wrong').length")
    assert (wrong, page.evaluate("document.querySelectorAll('#answers .right').length")) == (3, 9)
    assert page.errors == []


def test_buttons_answer_and_an_answer_can_be_taken_back(page: Page, quiz: Quiz, file: Path) -> None:
    page.open(file, width=800)
    page.evaluate("document.getElementById('begin').click()")
    assert page.evaluate("document.getElementById('back').disabled")
    for number, created in enumerate(quiz.created):
        if number == 5:
            page.evaluate("document.getElementById('real').click()")
            press(page, "Backspace")
        page.evaluate(f"document.getElementById('{'created' if created else 'real'}').click()")
    assert text(page, "score").startswith("12 of 12 right")
    assert "better than by guessing" in text(page, "verdict")
    assert (text(page, "found"), text(page, "kept")) == ("6 of 6", "6 of 6")
    page.evaluate("document.getElementById('again').click()")
    assert text(page, "progress") == "Image 1 of 12"


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_nothing_is_cut_off(page: Page, file: Path, width: int) -> None:
    page.open(file, width=width, dark=True)
    for step in ("begin", *["real"] * 12):
        found = page.measure()
        assert found["wide"] <= width
        assert found["outside"] == []
        assert found["broken"] == 0
        page.evaluate(f"document.getElementById('{step}').click()")
    found = page.measure()
    assert (found["wide"] <= width, found["outside"]) == (True, [])
    assert page.errors == []


def test_colors_follow_the_system_and_the_choice(page: Page, file: Path) -> None:
    def background() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    page.open(file, width=800)
    light = background()
    page.open(file, width=800, dark=True)
    assert background() != light
    page.evaluate("document.getElementById('theme-light').click()")
    assert background() == light


def test_the_page_loads_nothing(page: Page, file: Path) -> None:
    page.open(file, width=800)
    page.evaluate("void fetch('https://example.org/').catch(() => 0)")
    page.evaluate("new Promise((done) => setTimeout(done, 50))")
    assert any("Content Security Policy" in error for error in page.errors)
    page.errors.clear()
