"""Tables of BIDS derivatives: columns that BIDS defines hold only what it allows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from scanvq.imaging.formats import Provenance
from scanvq.inference.bids_metadata import (
    BidsFacts,
    column_descriptions,
    data_set_description,
    participants,
)
from scanvq.inference.drawn_samples import DrawnSamples
from scanvq.types import SamplingParams


def drawn(*conditions: Mapping[str, str | float]) -> DrawnSamples:
    return DrawnSamples(
        model="0" * 16,
        codes=(torch.zeros(len(conditions), 2, 2, dtype=torch.int64),),
        images=np.zeros((len(conditions), 4, 4), np.float32),
        spacing=None,
        conditions=conditions,
        requested={},
        params=SamplingParams(),
        provenance=Provenance(model="1" * 16, seed=0),
    )


def test_conditions_are_columns_and_absent_values_are_not_available() -> None:
    two = drawn({"age": 71.5, "sex": "F", "scanner": "A\tB"}, {"sex": "male"})
    text = participants(["sub-1", "sub-2"], ["age", "sex", "scanner"], two)
    assert text == "participant_id\tage\tsex\tscanner\nsub-1\t71.5\tF\tA B\nsub-2\tn/a\tmale\tn/a\n"


@pytest.mark.parametrize(
    ("name", "allowed", "other"),
    [("age", 89.0, 89.5), ("age", 30.0, "young"), ("sex", "FEMALE", "1"), ("handedness", "a", "both")],
)
def test_values_that_bids_does_not_know_have_another_column(
    name: str, allowed: str | float, other: str | float
) -> None:
    fits, differs = drawn({name: allowed}, {}), drawn({name: allowed}, {name: other})
    assert participants(["sub-1", "sub-2"], [name], fits).startswith(f"participant_id\t{name}\n")
    assert participants(["sub-1", "sub-2"], [name], differs).startswith(f"participant_id\tsampled_{name}\n")
    assert list(column_descriptions([name], differs)) == [f"sampled_{name}"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", None),
        ("10.1000/182", [{"DOI": "10.1000/182"}]),
        ("https://a.org/b", [{"URL": "https://a.org/b"}]),
    ],
)
def test_the_source_is_named_if_it_is_known(source: str, expected: object) -> None:
    facts = BidsFacts(suffix="T1w", skull_stripped=True, source=source)
    assert data_set_description(facts, drawn({})).get("SourceDatasets") == expected
