from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from scanvq.report.card import UNKNOWN, CardFacts, has_own_edits, model_card
from scanvq.report.report_data import ReportData
from scanvq.storage.run_directory import RunDirectory


def front(card: str) -> dict:
    assert card.startswith("---\n")
    matter = yaml.safe_load(card.split("---\n")[1])
    assert isinstance(matter, dict)
    return matter


def test_hugging_face_reads_it(report_data: ReportData) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(model_card(report_data, CardFacts(license="cc-by-4.0", dataset="ixi")))
    assert card.data.license == "cc-by-4.0"
    assert card.data.pipeline_tag == "unconditional-image-generation"
    results = {result.metric_type: result for result in card.data.eval_results}
    assert results["ssim"].metric_value == 0.71
    assert results["ssim"].dataset_name == "ixi, test split"
    assert results["auc_network_samples_vs_reals"].metric_args == {
        "n": 8,
        "low": 0.9,
        "high": 0.99,
        "floor": 0.52,
    }
    assert results["copies"].metric_value == 0.5


def test_what_is_unknown_stands_as_unknown(report_data: ReportData, bare: ReportData) -> None:
    matter = front(model_card(report_data, CardFacts()))
    assert matter["license"] == UNKNOWN
    assert matter["datasets"] == [UNKNOWN]
    assert {matter["data_use"][key] for key in ("license", "consent", "deidentified")} == {UNKNOWN}
    assert matter["data_use"]["subjects"] == 14
    empty = model_card(bare, CardFacts())
    assert front(empty)["data_use"]["subjects"] == UNKNOWN
    assert "model-index" not in front(empty)
    assert "Not evaluated." in empty


def test_license_of_the_recipe_unless_the_user_names_one(report_data: ReportData) -> None:
    with_license = replace(report_data, source={"license": "mit"})
    assert front(model_card(with_license, CardFacts()))["license"] == "mit"
    assert front(model_card(with_license, CardFacts(license="cc0-1.0")))["license"] == "cc0-1.0"


def test_sections_have_measured_values(report_data: ReportData) -> None:
    card = model_card(report_data, CardFacts())
    for heading in ("Intended use", "Data", "Training", "Evaluation", "Limitations", "How to load"):
        assert f"\n## {heading}\n" in card
    assert "| train | 10 | 20 |" in card
    assert "| SSIM | 0.7100 |" in card
    assert "0.950 (0.900 to 0.990)" in card
    assert "- Trained on 10 people only" in card
    assert "| 2 | 1 | 0.500 (0.010 to 0.990) | - |" in card
    assert "Not audited." in model_card(replace(report_data, audit=None), CardFacts())


def test_no_file_and_no_folder_is_named(report_data: ReportData) -> None:
    assert report_data.data is not None
    leaky = replace(
        report_data.data, leaks=("john_doe.png (train, john) and b.png",), notes=("john_doe.png",)
    )
    card = model_card(replace(report_data, data=leaky), CardFacts())
    for private in ("one.png", "two.png", "john", "scans & more", "truncated", "near.png", "image_0"):
        assert private not in card
    assert "1 leaks were found and allowed" in card


def test_facts_are_kept_in_the_run(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").touch()
    directory = RunDirectory(tmp_path)
    assert CardFacts.read(directory) == CardFacts()
    CardFacts().updated({"license": "mit", "dataset": None}).write(directory)
    CardFacts.read(directory).updated({"dataset": "ixi"}).write(directory)
    assert CardFacts.read(directory) == CardFacts(license="mit", dataset="ixi")
    directory.write(directory.card_facts, {"licence": "mit"})
    with pytest.raises(ValueError, match="has licence; a card knows license"):
        CardFacts.read(directory)


def test_own_edits_are_seen(report_data: ReportData, tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    assert not has_own_edits(directory)
    card = model_card(report_data, CardFacts())
    directory.card.write_text(card, encoding="utf-8")
    assert not has_own_edits(directory)
    directory.card.write_text(card.replace("<!-- Written", "<!-- was written"), encoding="utf-8")
    assert has_own_edits(directory)
