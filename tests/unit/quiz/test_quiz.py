"""A blind test: which images it has, in which order, and that the page does not give them away."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanvq.imaging.formats import Provenance
from scanvq.quiz import page as quiz_page
from scanvq.quiz.images import _one_a_subject
from scanvq.quiz.page import Quiz

MODEL = Provenance(model="0123456789abcdef", seed=3)


def made(count: int = 6, *, seed: int = 3, size: tuple[int, int] = (24, 20)) -> Quiz:
    random = np.random.default_rng(0)
    real, created = (random.random((count, *size), np.float32) for _ in range(2))
    return Quiz.shuffled(real, created, name="<b>mine</b>", provenance=MODEL, seed=seed)


def sheet_of(html: str) -> Image.Image:
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_the_order_depends_on_the_seed() -> None:
    one, same, other = made(), made(), made(seed=4)
    assert np.array_equal(one.images, same.images)
    assert not np.array_equal(one.images, other.images)
    assert one.created.sum() == other.created.sum() == 6
    assert one.created.tolist() != sorted(one.created.tolist())
    random = np.random.default_rng(0)
    real = np.round(random.random((6, 24, 20), np.float32) * 255).astype(np.uint8)
    kept = one.images[~one.created]
    assert {image.tobytes() for image in kept} == {image.tobytes() for image in real}


def test_images_of_another_size_are_refused() -> None:
    real = np.zeros((2, 8, 8), np.float32)
    with pytest.raises(ValueError, match="8x8, the created ones 8x9"):
        Quiz.shuffled(real, np.zeros((2, 8, 9), np.float32), name="", provenance=MODEL, seed=0)
    assert len(Quiz.shuffled(real, real, name="", provenance=MODEL, seed=0).images) == 4


def test_the_page_has_one_picture_and_needs_no_network() -> None:
    quiz = made()
    html = quiz.html()
    with sheet_of(html) as sheet:
        assert sheet.size == (10 * 20, 2 * 24)
        assert "SYNTHETIC" in sheet.info["Description"]
        assert np.array_equal(np.asarray(sheet)[24:48, 20:40], quiz.images[11])
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", html)
    assert "default-src 'none'" in html
    assert "&lt;b&gt;mine" in html
    assert "<b>mine" not in html


def test_the_answers_are_not_read_at_a_glance() -> None:
    quiz = made(20)
    facts = json.loads(re.findall(r'id="facts">(.*?)</script>', quiz.html(), re.S)[0])
    key = base64.b64decode(facts["key"])[4:]
    assert len(key) == 40
    agreement = np.mean([(byte & 1) == created for byte, created in zip(key, quiz.created, strict=True)])
    assert 0.2 < agreement < 0.8
    assert "true" not in json.dumps(facts)


def test_a_large_page_shrinks_all_images_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiz_page, "LIMIT", 4000)
    html = made().html()
    facts = json.loads(re.findall(r'id="facts">(.*?)</script>', html, re.S)[0])
    assert facts["width"] < 20
    with sheet_of(html) as sheet:
        assert sheet.size == (10 * facts["width"], 2 * facts["height"])


def test_each_subject_comes_once_before_any_comes_twice() -> None:
    subjects = np.repeat(np.arange(5), 4)
    rows = _one_a_subject(subjects, np.random.default_rng(0))
    assert sorted(rows.tolist()) == list(range(20))
    for start in range(0, 20, 5):
        assert sorted(subjects[rows[start : start + 5]].tolist()) == [0, 1, 2, 3, 4]


def test_the_script_is_part_of_the_package() -> None:
    assert (Path(quiz_page.__file__).parents[1] / "report/templates/quiz.js").is_file()
