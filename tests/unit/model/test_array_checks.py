"""What Python callers pass to a model: every refusal has a twin, the nearest input that is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scanvq.imaging.formats import FORMATS, Scan
from scanvq.imaging.preparation import Preparation
from scanvq.model.array_checks import check_draws, check_scan, checked_codes, checked_images, checked_mask
from scanvq.model.scans import Images
from scanvq.training.fit_request import FitRequest

UNIT = np.random.default_rng(0).random((14, 20)).astype(np.float32)
BYTES = (UNIT * 255).astype(np.uint8)


def _with(value: float) -> np.ndarray:
    image = UNIT.copy()
    image[3, 3] = value
    return image


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        (UNIT, (14, 20)),
        (UNIT.astype(np.float64), (14, 20)),
        (UNIT.astype(np.float16), (14, 20)),
        (torch.from_numpy(UNIT).bfloat16(), (14, 20)),
        (torch.from_numpy(UNIT).requires_grad_(), (14, 20)),
        (_with(1.0005), (14, 20)),
        (_with(-0.0005), (14, 20)),
        (BYTES, (14, 20)),
        (BYTES.astype(np.int64) - 1000, (14, 20)),
        (BYTES.tolist(), (14, 20)),
        (BYTES[None], (1, 14, 20)),
        (np.stack([BYTES] * 3), (3, 14, 20)),
        (BYTES[None, None], (1, 1, 14, 20)),
        (BYTES[..., None], (14, 20)),
        (np.stack([BYTES] * 6)[..., None], (6, 14, 20)),
        (torch.from_numpy(BYTES)[..., None], (14, 20)),
    ],
)
def test_images_that_are_taken(given: Any, shape: tuple[int, ...]) -> None:
    assert checked_images(given).shape == shape


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        (BYTES.astype(np.float32), r"images run from 0 to 25\d; .* must be in \[0, 1\].*Divide"),
        (torch.from_numpy(BYTES).float(), r"must be in \[0, 1\]"),
        (_with(1.01), "must be in"),
        (_with(-0.01), "must be in"),
        (UNIT * 2 - 1, "images run from -"),
        (_with(np.nan), "1 of 280 numbers in images are NaN or infinite"),
        (_with(np.inf), "NaN or infinite"),
        (UNIT.astype(np.complex64), "images are of complex64; give integers or real numbers"),
        (UNIT > 0.5, "images are of bool"),
        (BYTES.astype(object), "images are of object"),
        (np.array([["a"]]), "images are of <U1"),
        (np.empty((0, 14, 20), np.uint8), r"\(0, 14, 20\), which holds nothing"),
        (np.float32(0.5), r"the shape \(\); give \(H, W\)"),
        (UNIT[0], r"the shape \(20,\)"),
        (np.stack([BYTES] * 3, -1), r"14x20x3 may be an image of 3 channels .* or 14 slices of 20x3"),
        (np.stack([BYTES] * 4, -1)[None], r"1 images of 4 channels"),
        (np.stack([BYTES] * 3)[None], r"the shape \(1, 3, 14, 20\); give"),
    ],
)  # fmt: skip
def test_images_that_are_refused(given: Any, reported: str) -> None:
    with pytest.raises(ValueError, match=reported):
        checked_images(given)


def test_scans_are_in_their_own_units_but_finite() -> None:
    check_scan(Scan(slices=UNIT[None] * 5000 - 1000))
    with pytest.raises(ValueError, match="1 of 280 numbers in the slices of the scan are NaN"):
        check_scan(Scan(slices=_with(np.nan)[None]))
    with pytest.raises(ValueError, match=r"the shape \(14, 20\); give \(S, H, W\)"):
        check_scan(Scan(slices=UNIT))


MASK = np.zeros((14, 20), bool)
MASK[3:8, 5:9] = True


@pytest.mark.parametrize(
    "given",
    [MASK, MASK.astype(np.uint8), MASK.astype(np.uint8) * np.uint8(255), MASK.astype(np.float32),
     MASK.tolist(), torch.from_numpy(MASK), torch.from_numpy(MASK).int()],
)  # fmt: skip
def test_masks_that_are_taken(given: Any) -> None:
    assert np.array_equal(checked_mask(given, (1, 14, 20)), MASK)


def test_a_mask_of_each_slice() -> None:
    masks = np.stack([MASK, ~MASK])
    assert np.array_equal(checked_mask(masks, (2, 14, 20)), masks)


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        (MASK * 0.4, r"the mask holds 0, 0\.4; give True and False .*mask > 0\.5"),
        (MASK * 255.0, "the mask holds 0, 255"),
        (MASK.astype(np.uint8) + 1, "the mask holds 1, 2"),
        (np.arange(280, dtype=np.uint8).reshape(14, 20), r"the mask holds 0, 1, 2, 3, \.\.\."),
        (np.where(MASK, np.nan, 0), "NaN or infinite"),
        (MASK.astype(complex), "the mask are of complex128"),
        (np.ones(20, bool), r"the mask is \(20,\), the scan \(14, 20\)"),
        (np.array(True), r"the mask is \(\)"),
        (np.stack([MASK, MASK]), "the mask is 2x14x20, the scan 1x14x20"),
        (MASK.T, "the mask is 20x14, the scan 14x20; they must have the same size"),
    ],
)
def test_masks_that_are_refused(given: Any, reported: str) -> None:
    with pytest.raises(ValueError, match=reported):
        checked_mask(given, (1, 14, 20))


COARSE, FINE = np.zeros((2, 3, 4), np.int64), np.full((2, 6, 8), 7, np.uint8)
SHAPES = ((3, 4), (6, 8))


@pytest.mark.parametrize(
    "given",
    [
        (COARSE, FINE),
        [COARSE, FINE],
        (torch.from_numpy(COARSE), torch.from_numpy(FINE)),
        (COARSE.astype(np.float32), FINE),
        (COARSE[:1], FINE[:1]),
    ],
)
def test_codes_that_are_taken(given: Any) -> None:
    coarse, fine = checked_codes(given, SHAPES)
    assert coarse.dtype == fine.dtype == torch.int64
    assert (coarse.numpy() == COARSE[: len(coarse)]).all()
    assert (fine.numpy() == FINE[: len(fine)]).all()


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ((COARSE,), "codes have 1 levels; this tokenizer has 2"),
        ((), "codes have 0 levels"),
        (COARSE, r"codes have an array \(2, 3, 4\); .* a tuple"),
        ((COARSE[0], FINE), r"codes of level 0 have the shape \(3, 4\); give \(n, 3, 4\)"),
        ((COARSE, FINE[:, :5]), r"codes of level 1 have the shape \(2, 5, 8\)"),
        ((COARSE + 0.5, FINE), "codes of level 0 are not whole numbers"),
        ((COARSE * np.nan, FINE), "NaN"),
        ((COARSE.astype(complex), FINE), "complex128"),
        ((COARSE > 0, FINE), "bool"),
        ((COARSE[:1], FINE), "of 1, 2 images"),
        ((COARSE[:0], FINE[:0]), "holds nothing"),
    ],
)
def test_codes_that_are_refused(given: Any, reported: str) -> None:
    with pytest.raises(ValueError, match=reported):
        checked_codes(given, SHAPES)


def test_counts_and_seeds() -> None:
    check_draws(1, 0)
    check_draws(np.int64(3), 2**32 - 1)
    check_draws(3, 2**32 - 3, seeds=3)
    for count, seed, reported in (
        (0, 0, "count is 0; it must be 1 or more"),
        (-1, 0, "count is -1"),
        (1.5, 0, "count is 1.5; it must be a whole number"),
        (1, -1, "seed is -1"),
        (1, 1 + 2**32, "seed is 4294967297; it must be 0 to 4294967295"),
        (1, 0.5, "seed is 0.5"),
    ):
        with pytest.raises(ValueError, match=reported):
            check_draws(count, seed)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="seed is 4294967294"):
        check_draws(3, 2**32 - 2, seeds=3)
    FitRequest(folder="x", seed=2**32 - 1)
    with pytest.raises(ValueError, match="seed is 4294967296"):
        FitRequest(folder="x", seed=2**32)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
def test_a_batch_of_images_is_prepared_as_its_files_are(
    dtype: str, preparation: Preparation, tmp_path: Path
) -> None:
    """The range of a file is that of the file, not that of the batch it is in."""
    dark, bright = (BYTES // 4).astype(dtype), BYTES.astype(dtype)
    files = []
    for number, pixels in enumerate((dark, bright)):
        FORMATS["nifti"].write(tmp_path / f"{number}.nii", Scan(slices=pixels[None]))
        read = FORMATS["nifti"].read(tmp_path / f"{number}.nii")
        files.append(Images.of(read, preparation).prepared())
    batch = Images.of(np.stack([dark, bright])[:, None], preparation)
    assert torch.equal(batch.prepared(), torch.cat(files))
    assert np.array_equal(batch.restored(batch.prepared()).slices, np.stack([dark, bright]))
    for pixels, file in zip((dark, bright), files, strict=True):
        assert torch.equal(Images.of(pixels, preparation).prepared(), file)
    volume = Images.of(np.stack([dark, bright]), preparation)  # slices of one scan share its range
    assert not torch.equal(volume.prepared(), batch.prepared())
