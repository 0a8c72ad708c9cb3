"""Inpainting: known pixels stay unchanged, the values of unknown pixels are never used."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool2d, one_hot

from scanvq.imaging.formats import Scan
from scanvq.imaging.geometry import Geometry
from scanvq.imaging.intensity import Intensity
from scanvq.imaging.preparation import Preparation
from scanvq.model.coder import Coder
from scanvq.model.inpaint import REGIONS, inpaint_images, known_codes, unknown_region
from scanvq.model.scans import Images
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.maskgit import MaskGIT
from scanvq.types import UNKNOWN, CodePrior, Codes, SamplingParams

CPU = torch.device("cpu")
SIZE = (20, 22)


@pytest.fixture
def scan() -> Scan:
    pixels = np.random.default_rng(0).integers(100, 3000, (2, *SIZE), dtype=np.int16)
    return Scan(slices=pixels, properties={"spacing": 2})


@pytest.fixture
def hole() -> NDArray[np.bool_]:
    mask = np.zeros(SIZE, np.bool_)
    mask[6:14, 8:15] = True
    return mask


def complete(
    coder: Coder,
    prior: HierarchicalPrior,
    scan: Scan,
    mask: NDArray[np.bool_],
    preparation: Preparation,
    count: int = 2,
    seed: int = 0,
) -> list[Scan]:
    images = Images.of(scan, preparation)
    return inpaint_images(
        coder, prior, images, mask, count=count, params=SamplingParams(), seed=seed, device=CPU
    )


def test_known_pixels_stay_unchanged_bit_for_bit(
    coder: Coder, prior: HierarchicalPrior, scan: Scan, hole: NDArray[np.bool_], preparation: Preparation
) -> None:
    completions = complete(coder, prior, scan, hole, preparation)
    assert len(completions) == 2
    for one in completions:
        assert one.slices.dtype == scan.slices.dtype
        assert one.properties == scan.properties
        assert np.array_equal(one.slices[:, ~hole], scan.slices[:, ~hole])
        assert not np.array_equal(one.slices[:, hole], scan.slices[:, hole])
    assert not np.array_equal(completions[0].slices, completions[1].slices)


def test_each_slice_can_have_a_mask_of_its_own(
    coder: Coder, prior: HierarchicalPrior, scan: Scan, hole: NDArray[np.bool_], preparation: Preparation
) -> None:
    masks = np.stack([hole, np.roll(hole, 6, axis=1)])
    (own,) = complete(coder, prior, scan, masks, preparation, count=1)
    assert np.array_equal(own.slices[~masks], scan.slices[~masks])
    for number, mask in enumerate(masks):
        assert not np.array_equal(own.slices[number][mask], scan.slices[number][mask])
    (same,) = complete(coder, prior, scan, hole, preparation, count=1)
    assert np.array_equal(own.slices[0], same.slices[0])
    masks = np.stack([np.zeros(SIZE, np.bool_), np.ones(SIZE, np.bool_)])  # one slice is new altogether
    (new,) = complete(coder, prior, scan, masks, preparation, count=1)
    assert np.array_equal(new.slices[0], scan.slices[0])
    assert not np.array_equal(new.slices[1], scan.slices[1])


def test_a_completion_does_not_depend_on_the_count(
    coder: Coder, prior: HierarchicalPrior, scan: Scan, hole: NDArray[np.bool_], preparation: Preparation
) -> None:
    one, three = (complete(coder, prior, scan, hole, preparation, count=n) for n in (1, 3))
    assert np.array_equal(one[0].slices, three[0].slices)


def test_a_masked_prior_depends_on_codes_after_the_unknown_region_and_a_raster_prior_does_not(
    coder: Coder,
    prior: HierarchicalPrior,
    scan: Scan,
    hole: NDArray[np.bool_],
    preparation: Preparation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pixels at the lower right are known; do they change the codes drawn in the two upper rows?"""

    class SumOfKnown(MaskGIT):
        def logits(self, codes: torch.Tensor, **_: object) -> torch.Tensor:  # type: ignore[override]
            total = codes.clamp(min=0).sum(dim=(1, 2)) % 16
            return 100 * one_hot(total, 16)[..., None, None].expand(-1, -1, 4, 6).float()

    masked = SumOfKnown(channels=8, layers=1, heads=1, codebook_size=16, height=4, width=6)
    pixels = scan.slices.copy()
    pixels[:, 14:, 18:] = 2900
    drawn: list[torch.Tensor] = []

    class Brightness:
        """Each code is the brightness of its cell."""

        def encode(self, images: torch.Tensor) -> Codes:
            return ((avg_pool2d(images, 4)[:, 0] * 15).long(),)

        def decode(self, codes: Codes) -> torch.Tensor:
            drawn.append(codes[0])
            return torch.zeros(len(codes[0]), 1, 16, 24)

    changed = {}
    for name, one in (("raster", prior), ("masked", HierarchicalPrior(levels=[masked]))):
        drawn.clear()
        for slices in (scan.slices, pixels):
            complete(cast(Coder, Brightness()), one, Scan(slices=slices), hole, preparation, count=10)
        before, after = torch.stack(drawn[:10]), torch.stack(drawn[10:])  # (10, slices, h, w)
        assert not torch.equal(before[..., 3, 5], after[..., 3, 5])  # the known code itself
        changed[name] = not torch.equal(before[..., :2, 1:5], after[..., :2, 1:5])
    assert changed == {"raster": False, "masked": True}


@pytest.mark.parametrize("fit", ["pad", "resize"])
@pytest.mark.parametrize("kind", ["file", "full"])
@pytest.mark.parametrize("hidden", [-3000, 0, 30000])
def test_values_of_unknown_pixels_change_nothing(
    coder: Coder,
    prior: HierarchicalPrior,
    scan: Scan,
    hole: NDArray[np.bool_],
    fit: str,
    kind: str,
    hidden: int,
) -> None:
    preparation = Preparation(
        geometry=Geometry(height=16, width=24, fit=fit),  # type: ignore[arg-type]
        intensity=Intensity(kind=kind, low=0.0, high=4000.0),  # type: ignore[arg-type]
    )
    other = Scan(slices=np.where(hole, np.int16(hidden), scan.slices))
    first, second = (complete(coder, prior, one, hole, preparation)[0] for one in (scan, other))
    assert np.array_equal(first.slices, second.slices)


def test_codes_of_unknown_pixels_and_their_neighbors_are_unknown() -> None:
    codes = torch.arange(2 * 5 * 6).view(2, 5, 6)
    unknown = torch.zeros(20, 24, dtype=torch.bool)
    unknown[8, 11] = True  # the cell of row 2, column 2
    (known,) = known_codes((codes,), unknown.expand(2, -1, -1))
    touched = torch.zeros(5, 6, dtype=torch.bool)
    touched[1:4, 1:4] = True
    assert (known[:, touched] == UNKNOWN).all()
    assert torch.equal(known[:, ~touched], codes[:, ~touched])


def test_a_finer_code_is_unknown_where_the_coarser_code_is() -> None:
    codes = (torch.zeros(1, 4, 4, dtype=torch.int64), torch.zeros(1, 8, 8, dtype=torch.int64))
    unknown = torch.zeros(32, 32, dtype=torch.bool)
    unknown[0, 0] = True
    coarse, fine = known_codes(codes, unknown[None])
    assert (coarse[0, :2, :2] == UNKNOWN).all()
    assert (coarse == UNKNOWN).sum() == 4
    assert (fine[0, :4, :4] == UNKNOWN).all()
    assert (fine == UNKNOWN).sum() == 16
    unknown[:] = False
    unknown[4, 11] = True  # coarse cell (0, 1), fine cell (1, 2): columns 0 to 2 coarse, 1 to 3 fine
    coarse, fine = known_codes(codes, unknown[None])
    assert torch.equal((fine == UNKNOWN), (coarse == UNKNOWN).repeat_interleave(2, 1).repeat_interleave(2, 2))


@pytest.mark.parametrize("keep", REGIONS)
def test_half_of_an_image_is_kept(keep: str) -> None:
    unknown = unknown_region(keep, (10, 8))
    assert unknown.sum() == 40
    side, axis = keep.split("-")[0], 0 if keep[0] in "tb" else 1
    line = unknown.all(axis=1 - axis)
    assert line.tolist() == sorted(line.tolist(), reverse=side in ("bottom", "right"))


def test_the_middle_row_of_an_odd_height_is_in_a_single_half() -> None:
    assert np.array_equal(unknown_region("top-half", (5, 4)), ~unknown_region("bottom-half", (5, 4)))


def test_an_invalid_half_is_refused() -> None:
    with pytest.raises(ValueError, match="keep is 'middle'; use one of top-half"):
        unknown_region("middle", (4, 4))


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((4, 4), np.bool_), "the mask is 4x4, the scan 20x22"),
        (np.zeros((3, *SIZE), np.bool_), "the mask is 3x20x22, the scan 2x20x22"),
        (np.zeros(SIZE, np.bool_), "marks nothing as unknown"),
        (np.ones(SIZE, np.bool_), "marks everything as unknown"),
    ],
)
def test_an_invalid_mask_is_refused(
    coder: Coder,
    prior: HierarchicalPrior,
    scan: Scan,
    preparation: Preparation,
    mask: NDArray[np.bool_],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        complete(coder, prior, scan, mask, preparation)


def test_a_prior_of_whole_grids_cannot_inpaint(
    coder: Coder, scan: Scan, hole: NDArray[np.bool_], preparation: Preparation
) -> None:
    class WholeGrids(CodePrior):
        inpainting_support = "nothing"

        def _fill(self, known: torch.Tensor, **given: object) -> torch.Tensor:  # type: ignore[override]
            raise AssertionError

    with pytest.raises(ValueError, match="whole images only"):
        complete(coder, HierarchicalPrior(levels=[WholeGrids()]), scan, hole, preparation)
