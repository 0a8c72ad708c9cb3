"""The blind test inside of the page."""

from __future__ import annotations

from html import escape

from scanvq.app.limits import Deadline, Limits, Refused
from scanvq.app.served_model import ServedModel
from scanvq.quiz.make import make_quiz


def reader_test(served: ServedModel, *, count: int, seed: int, decoder: str | None, limits: Limits) -> str:
    """A blind test as a frame of the page.

    Raises:
        Refused: too many images, too long a time, or a model without its run. QuizError: too few real ones.
    """
    count = limits.check("the number of images", count, 2, limits.quiz_images)
    if not served.path.is_dir():
        raise Refused(
            f"{served.name} is a model without its run, so it has no real scans to show; make the test with "
            f"`scanvq quiz {served.name} --real FOLDER`"
        )
    quiz = make_quiz(
        served.model,
        served.path,
        count,
        decoder=decoder,
        seed=seed,
        watch=Deadline(limits.seconds).check,
    )
    return (
        '<iframe class="quiz" title="Reader test" sandbox="allow-scripts allow-downloads" '
        f'srcdoc="{escape(quiz.html())}"></iframe>'
    )
