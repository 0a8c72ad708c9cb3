"""Progress pictures: few steps are kept, spread over training, and a resumed run does not repeat them."""

import numpy as np

from scanvq.training.progress_pictures import KEPT, ProgressPictures, read_progress


def picture(value):
    return np.full((2, 4, 4), value, np.float32)


def test_few_steps_are_kept_and_spread_over_training(tmp_path):
    kept = ProgressPictures(tmp_path / "progress.npz")
    for step in range(0, 1001, 10):
        kept.add(step, picture(step / 1000))
    pictures = read_progress(tmp_path / "progress.npz")
    steps = [step for step, _ in pictures]
    assert len(steps) == KEPT
    assert (steps[0], steps[-1]) == (0, 1000)
    assert np.diff(steps).max() <= 300
    assert all((images == round(step / 1000 * 255)).all() for step, images in pictures)


def test_a_resumed_run_repeats_no_step(tmp_path):
    path = tmp_path / "progress.npz"
    first = ProgressPictures(path)
    for step in (10, 20, 30):
        first.add(step, picture(0))
    again = ProgressPictures(path)
    again.add(20, picture(1))
    assert [step for step, _ in read_progress(path)] == [10, 20]
    assert (read_progress(path)[-1][1] == 255).all()
