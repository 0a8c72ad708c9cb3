"""The demo cohort: reproducible, whole brains, two groups, and exact layouts of the course data sets."""

import csv
import importlib.util
import itertools
import re
import subprocess
import sys
from collections import Counter, defaultdict

import nibabel
import numpy as np
import pytest
from PIL import Image

from scanvq.cohort.catalog import SYNTHETIC
from scanvq.synthetic import DemoError, MissingTemplatesError, make_cohort, write_demo
from scanvq.synthetic.cohort import make_scan, threaded_map
from scanvq.synthetic.templates import load_templates


@pytest.fixture(scope="module")
def cohort():
    return list(make_cohort(subjects=24, slices=3, seed=5))


def _files(root):
    return sorted(
        str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path != root / SYNTHETIC
    )


def test_slices_are_images_with_tissue_classes(cohort):
    assert [(one.subject, one.level) for one in cohort] == list(itertools.product(range(24), range(3)))
    for one in cohort:
        assert one.image.shape == one.segmentation.shape == (256, 256)
        assert one.image.dtype == np.float32
        assert one.segmentation.dtype == np.uint8
        assert one.image.min() == 0
        assert 0.6 < one.image.max() <= 1
        assert set(np.unique(one.segmentation)) == {0, 1, 2, 3}
        assert 0.2 < (one.segmentation > 0).mean() < 0.7


def test_fluid_is_darker_than_gray_than_white_matter(cohort):
    for one in cohort:
        fluid, gray, white = (np.median(one.image[one.segmentation == tissue]) for tissue in (1, 2, 3))
        assert fluid < gray < white


@pytest.mark.parametrize(("height", "width"), [(256, 256), (240, 256), (256, 128), (64, 64)])
def test_the_whole_brain_is_in_view_on_black(height, width):
    for one in make_cohort(subjects=6, slices=2, height=height, width=width):
        assert one.image.shape == (height, width)
        edge = np.concatenate([one.image[[0, -1]].ravel(), one.image[:, [0, -1]].ravel()])
        assert edge.max() < 0.1


def test_the_same_seed_gives_the_same_cohort_with_any_workers():
    one, three = (list(make_cohort(subjects=4, slices=2, seed=1, workers=workers)) for workers in (1, 3))
    fewer = list(make_cohort(subjects=2, slices=2, seed=1))
    other = list(make_cohort(subjects=4, slices=2, seed=2))
    assert len(one) == len(three) == len(other) == 8
    for a, b in [*zip(one, three, strict=True), *zip(one[:4], fewer, strict=True)]:
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.segmentation, b.segmentation)
        assert (a.subject, a.level, a.label) == (b.subject, b.level, b.label)
    assert not any(np.array_equal(a.image, b.image) for a, b in zip(one, other, strict=True))


def test_people_differ_more_than_scans_of_one_person():
    templates = load_templates()
    scans = {
        (subject, visit): make_scan(templates, subject=subject, visit=visit, slices=3)[1]
        for subject in range(4)
        for visit in range(2)
    }

    def overlap(a, b):
        return (scans[a].segmentation == scans[b].segmentation).mean()

    same = [overlap((subject, 0), (subject, 1)) for subject in range(4)]
    different = [overlap((a, 0), (b, 0)) for a, b in itertools.combinations(range(4), 2)]
    assert min(same) > max(different)
    assert not np.array_equal(scans[0, 0].image, scans[0, 1].image)


def test_neighboring_slices_of_a_subject_fit_together():
    near = [one.segmentation for one in make_cohort(subjects=2, slices=30)]
    neighbors = np.mean([(near[i] == near[i + 1]).mean() for i in range(29)])
    strangers = np.mean([(near[i] == near[i + 30]).mean() for i in range(30)])
    assert neighbors > strangers + 0.1


def test_groups_differ_in_fluid_but_overlap():
    share = defaultdict(list)
    for one in make_cohort(subjects=60, slices=1, seed=9, height=96, width=96):
        share[one.label].append((one.segmentation == 1).sum() / (one.segmentation > 0).sum())
    ill, well = (np.array(share[label]) for label in ("AD", "NC"))
    assert len(ill) == len(well) == 30
    assert 0.8 < (ill[:, None] > well).mean() < 1


def test_missing_templates_name_the_package_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingTemplatesError, match=r'pip install "scanvq\[demo\]"'):
        load_templates.__wrapped__()


def test_neither_nilearn_nor_torch_is_imported():
    code = (
        "import sys; from scanvq.synthetic import make_cohort; next(make_cohort(subjects=1, slices=1));"
        "assert not {'nilearn', 'torch', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_oasis_has_the_exact_layout(tmp_path):
    seen = []
    write_demo(tmp_path / "oasis", subjects=8, slices=2, progress=lambda *done: seen.append(done))
    files = _files(tmp_path / "oasis")
    pattern = r"keras_png_slices_(seg_)?(train|validate|test)/(case|seg)_(\d{3})_slice_([01])\.nii\.png"
    matches = [re.fullmatch(pattern, name) for name in files if name != "subjects.csv"]
    assert all(matches)
    assert len(matches) == 2 * 8 * 2
    assert all(bool(match[1]) == (match[3] == "seg") for match in matches)
    assert seen == [(2 * done, 16) for done in range(1, 9)]

    splits = {match[4]: match[2] for match in matches}
    assert all(splits[match[4]] == match[2] for match in matches)
    assert Counter(splits.values()) == {"train": 4, "validate": 2, "test": 2}

    for match in matches:
        with Image.open(tmp_path / "oasis" / match[0]) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "L", (256, 256))
            if match[1]:
                assert set(np.unique(np.asarray(image))) == {0, 85, 170, 255}

    with (tmp_path / "oasis" / "subjects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["subject", "label", "split"]
    assert {row["subject"].removeprefix("case_"): row["split"] for row in rows} == splits
    assert {(row["split"], row["label"]) for row in rows} == set(
        itertools.product(("train", "validate", "test"), ("AD", "NC"))
    )


def test_hipmri_has_the_exact_layout(tmp_path):
    write_demo(tmp_path / "hipmri", subjects=6, slices=3, layout="hipmri")
    pattern = r"keras_slices_(seg_)?(train|validate|test)/(case|seg)_(\d{3})_week_(\d)_slice_([012])\.nii\.gz"
    matches = [re.fullmatch(pattern, name) for name in _files(tmp_path / "hipmri")]
    assert all(matches)
    cases = {match[4]: match[2] for match in matches}
    assert all(cases[match[4]] == match[2] for match in matches)
    assert sorted(cases) == ["004", "005", "006", "007", "008", "009"]
    assert Counter(cases.values()) == {"train": 2, "validate": 2, "test": 2}
    assert len({match[5] for match in matches if match[4] == "006"}) == 3

    shapes, highest = Counter(), 0.0
    for match in matches:
        image = nibabel.load(tmp_path / "hipmri" / match[0])
        pixels = np.asarray(image.dataobj)
        shapes[image.shape] += 1
        if match[1]:
            assert set(np.unique(pixels)) <= {0, 1, 2, 3}
        else:
            assert pixels.dtype == np.float32
            assert pixels.min() >= 0
            highest = max(highest, pixels.max())
    assert set(shapes) == {(256, 128), (256, 144), (256, 128, 1), (256, 144, 1)}
    assert 400 < highest < 900
    assert len({match[4] for match in matches if _width(tmp_path / "hipmri" / match[0]) == 144}) == 1


def test_adni_has_the_exact_layout(tmp_path):
    write_demo(tmp_path / "adni", subjects=7, slices=2, layout="adni")
    pattern = r"AD_NC/(train|test)/(AD|NC)/(\d{6})_(78|79)\.jpeg"
    matches = [re.fullmatch(pattern, name) for name in _files(tmp_path / "adni")]
    assert all(matches)
    assert len(matches) == 14
    scans = {match[3]: match[1] for match in matches}
    assert len(scans) == 7
    assert all(scans[match[3]] == match[1] for match in matches)
    assert len({(match[1], match[2]) for match in matches}) == 4
    for match in matches:
        with Image.open(tmp_path / "adni" / match[0]) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "L", (256, 240))


@pytest.mark.parametrize("layout", ["oasis", "hipmri", "adni"])
def test_the_same_seed_gives_the_same_bytes(tmp_path, layout):
    for name in ("a", "b"):
        write_demo(tmp_path / name, subjects=4, slices=1, layout=layout, seed=3)
    assert _files(tmp_path / "a") == _files(tmp_path / "b")
    for name in _files(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"subjects": 2}, "subjects is 2"),
        ({"subjects": 3, "layout": "adni"}, "adni needs at least 4"),
        ({"slices": 0}, "slices is 0"),
        ({"layout": "brats"}, "oasis, hipmri, adni"),
    ],
)
def test_an_impossible_cohort_is_refused(tmp_path, changed, message):
    with pytest.raises(DemoError, match=message):
        write_demo(tmp_path / "demo", **{"subjects": 4, "slices": 1, **changed})
    assert not list(tmp_path.iterdir())


def test_a_folder_with_files_is_not_changed(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DemoError, match="not empty"):
        write_demo(tmp_path, subjects=4, slices=1)
    assert _files(tmp_path) == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "demo").mkdir()
    write_demo(tmp_path / "demo", subjects=3, slices=1)
    assert len(_files(tmp_path / "demo")) == 7
    assert (tmp_path / "demo" / SYNTHETIC).is_file()  # so that nobody takes them for scans of someone


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_demo(tmp_path / "demo", subjects=6, slices=1, progress=interrupt)
    assert not list(tmp_path.iterdir())


def test_results_come_in_the_order_of_the_tasks():
    assert list(threaded_map(lambda task: task * task, range(50), workers=4)) == [n * n for n in range(50)]


def _width(path):
    return nibabel.load(path).shape[1]
