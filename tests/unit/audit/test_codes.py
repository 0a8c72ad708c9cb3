"""Blocks of codes: mosaics of patients name their sources."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.audit.auditor import Auditor
from scanvq.audit.code_index import CodeIndex
from scanvq.audit.code_matches import NOBODY, match_codes
from tests.unit.audit.conftest import CODES

HALF, MOSAICS = CODES // 2, 30
REGIONS = {
    2: [np.s_[:, :HALF], np.s_[:, HALF:]],
    3: [np.s_[:5], np.s_[5:10], np.s_[10:]],
    4: [np.s_[:HALF, :HALF], np.s_[:HALF, HALF:], np.s_[HALF:, :HALF], np.s_[HALF:, HALF:]],
}


@pytest.mark.parametrize("pieces", REGIONS)
def test_mosaics_name_their_sources(pieces: int, auditor: Auditor) -> None:
    random, training = np.random.default_rng(0), auditor.training
    sources = [random.permutation(len(training))[:pieces] for _ in range(MOSAICS)]
    mosaics = np.empty_like(training.codes[:MOSAICS])
    for mosaic, rows in zip(mosaics, sources, strict=True):
        for region, row in zip(REGIONS[pieces], rows, strict=True):
            mosaic[region] = training.codes[row][region]
    right = total = 0
    for match, rows in zip(match_codes(auditor.codes, auditor.code_people, mosaics), sources, strict=True):
        for region, row in zip(REGIONS[pieces], rows, strict=True):
            named = match.sources[region][match.rare[region]]
            named = named[named != NOBODY]
            if len(named):
                right += np.bincount(named).argmax() == training.people[row]
                total += 1
        assert sum(match.shares().values()) <= 1 + 1e-9
    assert total >= MOSAICS * pieces * 0.9
    assert right / total >= 0.99


def test_a_copy_is_one_block_and_one_source() -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 50, (40, 9, 11))
    index = CodeIndex(codes, 50)
    (match,) = match_codes(index, np.arange(40), codes[17:18])
    assert (match.row, match.shift, match.block.side) == (17, (0, 0), 9)
    assert match.shares() == {17: 1.0}
    moved = np.zeros_like(codes[:1])
    moved[0, 1:, :-1] = codes[3, :-1, 1:]
    (match,) = match_codes(index, np.arange(40), moved)
    assert (match.row, match.shift, match.block.side) == (3, (1, -1), 8)


def test_what_all_have_in_common_names_nobody() -> None:
    random = np.random.default_rng(0)
    codes = random.integers(1, 50, (40, 8, 8))
    codes[:, :, :4] = 0  # background of everyone
    index = CodeIndex(codes, 50)
    new = random.integers(1, 50, (1, 8, 8))
    new[:, :, :4] = 0
    (match,) = match_codes(index, np.arange(40), new)
    assert (match.sources[:, :4] == NOBODY).all()
    assert not match.rare[:, :4].any()
    assert match.block.weight < 15  # of a copy: 32 cells of more than five bits each
    (copied,) = match_codes(index, np.arange(40), codes[:1])
    assert copied.block.weight > 100


def test_a_grid_unlike_all_others() -> None:
    codes = np.zeros((5, 4, 4), int)
    (match,) = match_codes(CodeIndex(codes, 3), np.arange(5), np.full((1, 4, 4), 2))
    assert match.block.side == 0
    assert match.shares() == {}
