"""The page: whole, self-contained, honest, and safe with any text."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from scanvq.report.figures.all import Figures, all_figures
from scanvq.report.material import Material
from scanvq.report.page import page

HOSTILE = '<script>alert("x")</script>'
VOID = {"meta", "link", "img", "br", "hr", "input", "wbr"}


class Reader(HTMLParser):
    """Collects ids, links and sources, and checks that tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.without_alt = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.tags.add(tag)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [found[name] or "" for name in ("href", "src", "xlink:href") if name in found]
        self.without_alt += tag == "img" and not found.get("alt")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("p", "li", "tr", "td", "th"):
            while self.open and self.open[-1] in ("p", "li", "tr", "td", "th"):
                self.open.pop()
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def text(full: Material, figures: Figures) -> str:
    return page(full, figures)


def sections(text: str) -> list[str]:
    return re.findall(r'<section id="([^"]+)"', text)


def test_it_needs_nothing_else_and_runs_nothing(text: str) -> None:
    reader = Reader(text)
    assert reader.open == []
    assert not {"script", "iframe", "object", "embed"} & reader.tags
    assert all(link.startswith(("#", "data:")) for link in reader.links)
    assert not re.search(r"@import|url\((?!#)", text)


def test_ids_are_unique_and_every_link_inside_leads_somewhere(text: str) -> None:
    reader = Reader(text)
    assert len(reader.ids) == len(set(reader.ids))
    assert {link[1:] for link in reader.links if link.startswith("#")} <= set(reader.ids)
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(reader.ids)


def test_every_picture_is_described_and_the_page_fits_a_phone(text: str) -> None:
    assert Reader(text).without_alt == 0
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    outside_a_scroller = re.sub(r'<div class="scroll"><table>.*?</table></div>', "", text, flags=re.S)
    assert "<table" not in outside_a_scroller


def test_every_section_has_its_material(full: Material, text: str) -> None:
    shown = sections(text)
    assert len(shown) == len(set(shown)) == 19
    for word in ("0.800", "9.5 of 16", "1,234", "broken.png", "scan_7.png", "0.942", "3,345", "A paper"):
        assert word in text
    assert "Batch size is 8." in text
    assert full.command in text


def test_likeness_stands_beside_its_size_its_count_and_its_definition(text: str) -> None:
    summary = text[text.index('id="summary"') : text.index('id="data"')]
    for word in ("0.25", "bits per pixel", "40", "foreground", "data range 1", "sigma 1.5"):
        assert word in summary
    assert "is not a result by itself" in text


def test_generated_pictures_are_called_synthetic(text: str) -> None:
    for name in ("generated", "codes", "completions"):
        section = text[text.index(f'<section id="{name}"') :]
        section = section[: section.index("</section>")]
        captions = re.findall(r"<figure>.*?</figure>", section, flags=re.S)
        made = [one for one in captions if not re.search(r"<figcaption>(real|original|given)<", one)]
        assert made
        assert all("SYNTHETIC" in one for one in made)


def test_sections_without_material_are_left_out(bare: Material) -> None:
    text = page(bare, all_figures(bare))
    assert sections(text) == ["summary", "settings"]
    assert Reader(text).open == []


@pytest.mark.parametrize("field", ["metrics", "data", "ssim"])
def test_any_one_thing_may_be_missing(full: Material, field: str) -> None:
    without = replace(full, **{field: None}, histories={})
    assert sections(page(without, all_figures(without)))


def test_a_prior_without_a_likelihood_is_said_to_have_none(full: Material) -> None:
    assert full.metrics is not None
    silent = replace(full, metrics={**full.metrics, "prior": {"test": None}}, histories={})
    assert "No likelihood" in page(silent, all_figures(silent))


def test_texts_from_files_cannot_become_markup(full: Material) -> None:
    assert full.data is not None
    hostile = replace(
        full,
        title=HOSTILE,
        summary=HOSTILE,
        run=HOSTILE,
        recipe=HOSTILE,
        missing=(HOSTILE,),
        data=replace(full.data, folder=HOSTILE, labels=(HOSTILE,), skipped=((HOSTILE, HOSTILE),)),
        histories={"tokenizer": [{**full.histories["tokenizer"][0], HOSTILE: 1.0}]},
        rebuilt=(replace(full.rebuilt[0], name=HOSTILE),),
        generated=(replace(full.generated[0], label=HOSTILE),),
    )
    text = page(hostile, all_figures(hostile))
    assert "<script" not in text
    assert "script" not in Reader(text).tags
