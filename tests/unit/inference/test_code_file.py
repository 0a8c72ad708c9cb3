"""Code files restore every slice to the size, type and units of the original scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from scanvq.imaging.formats import Scan
from scanvq.inference.code_file import CodeFileError, Origin, read_code_file, write_codes

CODES = (torch.arange(12).view(3, 2, 2), torch.arange(48).view(3, 4, 4) + 70000)


def origins() -> list[Origin]:
    volume = Scan(slices=np.arange(60, dtype=np.int16).reshape(2, 5, 6) - 7)
    picture = Scan(slices=np.full((1, 3, 4), 0.5, np.float32))
    return [Origin.of("a.nii.gz", volume), Origin.of("ä.png", picture)]


def test_codes_and_origins_are_read_as_written(tmp_path: Path) -> None:
    write_codes(tmp_path / "codes.npz", "abc", CODES, origins())
    codes, where = read_code_file(tmp_path / "codes.npz", tokenizer_id="abc")
    assert all(torch.equal(one, other) for one, other in zip(codes, CODES, strict=True))
    assert all(level.dtype == torch.int64 for level in codes)
    assert where == origins()


def test_an_origin_has_slices_of_the_scan_s_size_type_and_range() -> None:
    volume, picture = origins()
    assert len(volume.slices()) == 2
    one = volume.slices()[0]
    assert (one.pixels.shape, one.pixels.dtype) == ((5, 6), np.int16)
    assert (one.file_low, one.file_high) == (-7, 52)
    assert picture.slices()[0].pixels.dtype == np.float32


def test_codes_without_origin(tmp_path: Path) -> None:
    write_codes(tmp_path / "codes.npz", "abc", CODES, [])
    assert read_code_file(tmp_path / "codes.npz", tokenizer_id="abc")[1] == []


def test_many_levels_are_read_in_order(tmp_path: Path) -> None:
    levels = tuple(torch.full((1, 2, 2), number) for number in range(12))
    write_codes(tmp_path / "codes.npz", "abc", levels, [])
    codes, _ = read_code_file(tmp_path / "codes.npz", tokenizer_id="abc")
    assert [int(level[0, 0, 0]) for level in codes] == list(range(12))


def test_codes_of_other_software_need_only_levels(tmp_path: Path) -> None:
    np.savez(tmp_path / "codes.npz", level_0=np.zeros((1, 2, 2), np.uint8))
    (codes,), where = read_code_file(tmp_path / "codes.npz", tokenizer_id="abc")
    assert (codes.shape, where) == ((1, 2, 2), [])


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "codes.npz"
    with pytest.raises(CodeFileError, match="there is no file"):
        read_code_file(path, tokenizer_id="abc")
    write_codes(path, "abc", CODES, [])
    with pytest.raises(CodeFileError, match="codes of tokenizer abc, but the tokenizer of this run is xyz"):
        read_code_file(path, tokenizer_id="xyz")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CodeFileError, match="not a complete npz file"):
        read_code_file(path, tokenizer_id="abc")
    np.savez(path, images=np.zeros((1, 2, 2)))
    with pytest.raises(CodeFileError, match=r"no array level_0\); its arrays are images"):
        read_code_file(path, tokenizer_id="abc")


@pytest.mark.parametrize("level", [np.zeros((1, 2, 2)), np.zeros((2, 2), np.int64)])
def test_levels_of_another_type_are_refused(tmp_path: Path, level: np.ndarray) -> None:
    np.savez(tmp_path / "codes.npz", level_0=level)
    with pytest.raises(CodeFileError, match="must be integers of shape"):
        read_code_file(tmp_path / "codes.npz", tokenizer_id="abc")


def test_objects_in_a_file_are_not_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "codes.npz", level_0=np.array([{"a": 1}], dtype=object))
    with pytest.raises(CodeFileError, match="holds Python objects"):
        read_code_file(tmp_path / "codes.npz", tokenizer_id="abc")
