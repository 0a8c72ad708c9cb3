"""What the tabs complete, edit, score and ask readers."""

from __future__ import annotations

import base64
import io
import re
import shutil
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanvq.app.code_editing import (
    CodeImage,
    clicked_cell,
    codes_of_created,
    codes_of_upload,
    decoded_html,
    grid_picture,
    marked,
    require_codes,
    with_code,
    with_region,
)
from scanvq.app.completing import complete, painted_mask
from scanvq.app.creating import Created, CreateRequest, create
from scanvq.app.limits import Limits, Refused
from scanvq.app.reader_test import reader_test
from scanvq.app.scoring import score
from scanvq.app.served_model import ServedModel, open_model
from scanvq.app.uploads import Upload
from scanvq.inference.calibrated import calibration_for
from tests.app.conftest import silent


def pictures(html: str) -> list[np.ndarray]:
    """The pictures of a page, in order."""
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in found]


def drawing(shape: tuple[int, int], *, factor: int) -> dict[str, object]:
    layer = np.zeros((shape[0] * factor, shape[1] * factor, 4), np.uint8)
    layer[8 * factor : 20 * factor, 4 * factor : 12 * factor, 3] = 255
    return {"background": None, "layers": [layer], "composite": None}


def test_what_is_painted_is_completed_and_nothing_else(
    served: ServedModel, upload: Upload, limits: Limits
) -> None:
    shape = upload.scan.slices.shape[1:]
    mask = painted_mask(drawing(shape, factor=3), shape)
    expected = np.zeros(shape, bool)
    expected[8:20, 4:12] = True
    assert np.array_equal(mask, expected)
    pages = list(complete(served, upload, 0, mask, count=3, seed=5, decoder=None, limits=limits))
    assert [len(pictures(page)) for page in pages] == [3, 4, 6]  # the last has the spread
    given, _, *completions = pictures(pages[-1])[:-1]
    assert all(np.array_equal(one[~mask], given[~mask]) for one in completions)
    assert not all(np.array_equal(one, completions[0]) for one in completions)
    assert pages[-1].count("SYNTHETIC") == 3
    assert all(f"completion {number + 1}, seed {5 + number}" in pages[-1] for number in range(3))
    with pytest.raises(Refused, match="number of completions is 4"):
        next(complete(served, upload, 0, mask, count=4, seed=0, decoder=None, limits=limits))


def test_nothing_painted(upload: Upload) -> None:
    shape = upload.scan.slices.shape[1:]
    for empty in (None, {"layers": []}, {"layers": [np.zeros((*shape, 4), np.uint8)]}):
        with pytest.raises(Refused, match="nothing is painted"):
            painted_mask(empty, shape)


def test_a_cell_is_set_and_the_image_follows(served: ServedModel, upload: Upload) -> None:
    model = served.model
    (size,) = model.tokenizer.codebook_sizes
    image = codes_of_upload(model, upload, 0)
    assert np.array_equal(image.codes[0], model.encode(upload.scan)[0][0])
    height, width = image.codes[0].shape
    picture = grid_picture(image, 0, codebook_size=size)
    factor = picture.shape[0] // height
    assert picture.shape == (height * factor, width * factor, 3)
    cell = clicked_cell(image, 0, factor * 2.5, factor * 1.5)
    assert cell == (1, 2)
    assert clicked_cell(image, 0, picture.shape[1], picture.shape[0]) == (height - 1, width - 1)
    code = (int(image.codes[0][cell]) + 1) % size
    edited = with_code(image, 0, cell, code, codebook_size=size)
    assert edited.codes[0][cell] == code
    assert (edited.codes[0] != image.codes[0]).sum() == 1
    (before,), (after, change) = (pictures(decoded_html(model, one)) for one in (image, edited))
    assert not np.array_equal(before, after)
    assert change.any()
    assert edited.undone().codes == image.codes
    assert image.undone() is image
    for wrong in (-1, size, 0.5):
        with pytest.raises(Refused, match=f"this level has codes 0 to {size - 1}"):
            with_code(image, 0, cell, wrong, codebook_size=size)


def test_a_region_is_copied_in_all_levels() -> None:
    def filled(value: int) -> CodeImage:
        codes = (np.full((4, 6), value), np.full((8, 12), value))
        return CodeImage(name="", source="scan", codes=codes, original=codes)

    image, other = filled(0), filled(1)
    with pytest.raises(Refused, match="no region is marked"):
        with_region(image, other)
    image = marked(marked(image, 1, (5, 7)), 1, (2, 4))
    coarse, fine = with_region(image, other).codes
    assert fine.sum() == fine[2:6, 4:8].sum() == 16
    assert coarse.sum() == coarse[1:3, 2:4].sum() == 4
    assert marked(image, 1, (0, 0)).corners == ((0, 0),)


def test_created_images_have_codes_to_edit(served: ServedModel, limits: Limits) -> None:
    created = list(create(served, CreateRequest(count=2, seed=0), limits))[-1]
    assert isinstance(created, Created)
    image = codes_of_created(created, 2)
    assert np.array_equal(image.codes[0], created.codes[0][1].numpy())
    assert image.source == "synthetic"
    with pytest.raises(Refused, match="the created images are 1 to 2"):
        codes_of_created(created, 3)
    with pytest.raises(Refused, match="no image is created yet"):
        codes_of_created(None, 1)
    with pytest.raises(Refused, match="there are no codes yet"):
        require_codes(None)


@pytest.mark.slow
def test_scores_have_p_values_once_calibrated(
    run: Path, served: ServedModel, upload: Upload, tmp_path: Path
) -> None:
    page = score(served, upload, 0)
    assert "Not calibrated" in page
    assert f"scanvq score {run} SCAN" in page
    assert len(pictures(page)) == 3  # original, bits, residual
    own = Path(shutil.copytree(run, tmp_path / "run"))
    calibration_for(served.model, own, restorations=0)
    calibrated = open_model(own, device="cpu", audit=False, progress_for=silent)
    page = score(calibrated, upload, 0)
    assert "held-out people" in page
    assert len(pictures(page)) == 4  # and the anomaly map
    assert len(re.findall(r"<td>[01]\.\d{3}</td>", page)) >= 3


def test_a_reader_test_is_a_frame_of_the_page(served: ServedModel, limits: Limits, tmp_path: Path) -> None:
    page = reader_test(served, count=4, seed=0, decoder=None, limits=limits)
    assert 'sandbox="allow-scripts allow-downloads"' in page
    assert "You will see 4 images" in unescape(page)
    with pytest.raises(Refused, match="number of images is 9"):
        reader_test(served, count=9, seed=0, decoder=None, limits=limits)
    file = tmp_path / "model.safetensors"
    served.model.save(file)
    alone = open_model(file, device="cpu", audit=False, progress_for=silent)
    with pytest.raises(Refused, match="no real scans to show"):
        reader_test(alone, count=4, seed=0, decoder=None, limits=limits)
