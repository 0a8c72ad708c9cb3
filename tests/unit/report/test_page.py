from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from scanvq.report.figures.all import all_figures
from scanvq.report.page import page
from scanvq.report.report_data import ReportData

SECTIONS = {
    "summary": "0.710",
    "look": "reconstructed",
    "created": "The prior is at fault",
    "novelty": "COPY · p = 0.01 · near.png",
    "reconstruction": "not a result by itself",
    "extremes": "worst: SSIM 0.500",
    "reconstructions": "one.png",
    "generated": "SYNTHETIC",
    "codes": "codes 4x6",
    "completions": "given",
    "data": "A scan is not a patient.",
    "tokenizer-training": "perplexity",
    "codebook": "perplexity 5.1 of 8",
    "prior-training": "log2(8)",
    "progress": "step 20",
    "reported": "0.67",
    "model": "3,000",
    "cost": "12.5",
    "settings": "name = &#34;by hand&#34;",
    "environment": "3.11",
    "skipped": "truncated",
    "repeat": "--out again --seed 0",
    "definitions": "sigma 1.5",
}
VOID = {"meta", "link", "img", "br", "path", "rect", "use", "image", "input"}


class Tags(HTMLParser):
    """Every tag with its attributes; fails if a closed tag is not open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def html(report_data: ReportData) -> str:
    return page(report_data, all_figures(report_data))


def sections(html: str) -> dict[str, str]:
    return dict(re.findall(r'<section id="([^"]+)"[^>]*>(.*?)</section>', html, re.S))


def test_every_section_is_there_in_order_with_its_content(html: str) -> None:
    found = sections(html)
    assert list(found) == list(SECTIONS)
    assert {name: text in found[name] for name, text in SECTIONS.items()} == dict.fromkeys(SECTIONS, True)


def test_every_section_has_an_explanation_and_a_link(html: str) -> None:
    for name, text in sections(html).items():
        if name == "summary":
            continue
        assert '<p class="explanation">' in text, name
        assert f'<a href="#{name}">' in html


def test_tags_are_closed_and_ids_are_unique(html: str) -> None:
    tags = Tags(html)
    assert tags.open == []
    ids = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    inside = {a["href"][1:] for _, a in tags.found if (a.get("href") or "").startswith("#")}
    assert inside | set(re.findall(r"url\(#([^)]+)\)", html)) <= set(ids)


def test_every_picture_is_described_and_every_table_scrolls(html: str) -> None:
    descriptions = [attributes.get("alt") for tag, attributes in Tags(html).found if tag == "img"]
    assert descriptions
    assert all(descriptions)
    assert "<table" not in re.sub(r'<div class="scroll"><table>.*?</table></div>', "", html, flags=re.S)
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html


def test_ssim_is_shown_with_bits_and_count_and_its_definition_is_one_click_away(html: str) -> None:
    found = sections(html)
    assert "0.188 bits per pixel, 0.09 under the prior" in found["summary"]
    assert "8 test images" in found["reconstruction"]
    assert '<a class="term" href="#define-ssim">SSIM</a>' in found["reconstruction"]
    for word in ("data range 1", "sigma 1.5", "11x11", "scikit-image"):
        assert word in found["definitions"]


def test_created_scans_stand_beside_floor_interval_and_bad_references(html: str) -> None:
    created = sections(html)["created"]
    assert re.search(r'<td class="n worse">.*?0.950.*?<small>0.900 to 0.990</small>', created)
    assert '<td class="n fine">0.600 <small>0.500 to 0.990</small>' in created
    for word in ("#define-floor", "#define-auc", ">0.520<", ">0.970<", "TooFewSubjects: too few"):
        assert word in created


def test_theme_can_be_chosen_without_a_script(html: str) -> None:
    for name in ("theme-auto", "theme-light", "theme-dark"):
        assert f'id="{name}"' in html
    assert ":has(#theme-dark:checked) { color-scheme: dark; }" in html
    assert "@media print" in html


def test_not_audited_is_said(report_data: ReportData) -> None:
    report_data = replace(report_data, audit=None, nearest=(), histories={})
    found = sections(page(report_data, all_figures(report_data)))
    assert "Not audited" in found["novelty"]
    assert "not audited" in found["summary"]


def test_scores_are_those_of_the_run(report_data: ReportData, metrics: dict, html: str) -> None:
    found = sections(html)["reconstruction"]
    assert re.search(r'>PSNR \(dB\)</a></td><td class="n">0.71</td>', found)
    assert re.search(r'>SSIM, foreground</a></td><td class="n">0.7100</td>', found)
    assert found.count("87.5% above 0.6") == 2
    older = {name: values for name, values in metrics["tokenizer"]["test"].items() if name != "psnr"}
    report_data = replace(
        report_data, metrics={**metrics, "tokenizer": metrics["tokenizer"] | {"test": older}}, histories={}
    )
    found = sections(page(report_data, all_figures(report_data)))
    assert "PSNR" not in found["reconstruction"] + found["summary"]
    assert "mean absolute error" in found["reconstruction"]


def test_names_are_escaped(html: str) -> None:
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;.png" in html
    assert "Made &lt;b&gt;by&lt;/b&gt; hand" in html
    assert "scans &amp; more" in html


def test_nothing_is_loaded_from_elsewhere(html: str) -> None:
    for tag, attributes in Tags(html).found:
        assert tag not in ("script", "iframe", "object")
        for name in ("src", "href", "xlink:href"):
            target = attributes.get(name)
            assert target is None or target.startswith(("data:", "#")), (tag, target)
    assert "@import" not in html
    assert set(re.findall(r"url\((.)", html)) <= {"#"}


def test_every_generated_picture_is_marked(html: str) -> None:
    found = sections(html)
    assert found["generated"].count('<span class="tag">SYNTHETIC</span></figcaption>') == 2
    assert found["completions"].count('<span class="tag">SYNTHETIC</span></figcaption>') == 2


def test_charts_follow_the_theme_inside_the_page(html: str) -> None:
    assert "var(--first)" in sections(html)["tokenizer-training"]
    assert "#0b6e99" not in sections(html)["tokenizer-training"]


def test_missing_content_is_left_out_and_listed(bare: ReportData) -> None:
    html = page(bare, all_figures(bare))
    assert list(sections(html)) == ["summary", "settings", "definitions"]
    assert "run `scanvq evaluate first` first" in html
    assert "not evaluated" in html
    assert Tags(html).open == []


def test_a_prior_without_likelihood_is_noted(report_data: ReportData, metrics: dict) -> None:
    report_data = replace(report_data, metrics={**metrics, "prior": {"test": None}})
    found = sections(page(report_data, all_figures(report_data)))
    assert "No likelihood for the prior" in found["reconstruction"]
    assert "under the prior" not in found["summary"]


def test_a_prior_without_completions_leaves_them_out(report_data: ReportData) -> None:
    report_data = replace(report_data, inpainted=())
    assert "completions" not in sections(page(report_data, all_figures(report_data)))


@pytest.mark.parametrize("field", ["metrics", "data", "ssim"])
def test_single_fields_may_be_missing(report_data: ReportData, field: str) -> None:
    report_data = replace(report_data, **{field: None}, histories={})
    assert "summary" in sections(page(report_data, all_figures(report_data)))


def test_labels_and_file_names_cannot_become_markup(report_data: ReportData) -> None:
    hostile = "<script>alert(1)</script>"
    assert report_data.data is not None
    report_data = replace(
        report_data,
        histories={},
        data=replace(report_data.data, folder=hostile, labels=(hostile,)),
        reconstructions=(replace(report_data.reconstructions[0], name=hostile),),
        generated=(replace(report_data.generated[0], label=hostile),),
    )
    assert "<script" not in page(report_data, all_figures(report_data))


def test_the_short_form_of_scores_is_said(report_data: ReportData, metrics: dict) -> None:
    samples = {
        "form": "short",
        **metrics["samples"],
        "groups": {"label": {"AD": {"n": 3, "refused": "TooFew"}}},
    }
    short = replace(report_data, metrics={**metrics, "samples": samples}, histories={})
    created = sections(page(short, all_figures(short)))["created"]
    assert "The short form at the end of training" in created
    assert "label · AD" in created
