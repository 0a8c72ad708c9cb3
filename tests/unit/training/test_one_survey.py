"""A run reads the catalog once and every header once, and trains at the planned image size."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from scanvq import api
from scanvq.cohort import catalog_reader
from scanvq.cohort.survey import survey_folder
from scanvq.imaging.formats import FORMATS
from scanvq.planning import cost_estimate
from scanvq.planning.dataset_facts import DatasetFacts
from scanvq.planning.dry_run import DryRunMeasurements

SMALL = ("preparation.size=[32, 32]", "tokenizer.channels=[8, 8]", "tokenizer.quantizer.codebook_size=16")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files whose headers are read, and "catalog" for each time that a folder is listed."""
    found: list[str] = []
    kind = type(FORMATS["png"])
    header, read_tree = kind.header, catalog_reader.read_tree

    def counted_header(self, path, **options):  # type: ignore[no-untyped-def]
        found.append(path.name)
        return header(self, path, **options)

    def counted_tree(folder, **options):  # type: ignore[no-untyped-def]
        found.append("catalog")
        return read_tree(folder, **options)

    monkeypatch.setattr(kind, "header", counted_header)
    monkeypatch.setattr(catalog_reader, "read_tree", counted_tree)
    return found


@pytest.mark.parametrize("planned", [True, False])
def test_a_run_reads_every_header_once(
    scans: Path, tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch, planned: bool
) -> None:
    measured = DryRunMeasurements(
        prepare=0.1,
        evaluate=0.1,
        memory_mb=1,
        slice_bytes=1024,
        slices=1,
        progress_bytes=1,
        short_form=None,
        audit=None,
    )
    monkeypatch.setattr(cost_estimate, "dry_run", lambda *_, **__: measured)
    settings = {"budget": 1.0} if planned else {"recipe": "tiny", "overrides": SMALL, "epochs": 1}
    run = api.fit(scans, out=tmp_path / "run", cache=tmp_path / "cache", device="cpu", **settings)
    assert run is not None
    files = [path.name for path in scans.glob("*.png")]
    assert Counter(opened) == Counter([*files, "catalog"])
    assert run.directory.read(run.directory.fingerprint)["files"] == len(files)


def test_plan_and_training_choose_one_size(scans: Path) -> None:
    survey = survey_folder(scans)
    facts = DatasetFacts.of(survey)
    geometry = survey.geometry(size="native", fit="pad", multiple=4)
    assert (geometry.height, geometry.width) == (-(-facts.height // 4) * 4, -(-facts.width // 4) * 4)
    assert facts.has_common_size == (geometry.fit == "pad")
    assert sum(survey.sizes.values()) == len(survey.catalog.entries)
