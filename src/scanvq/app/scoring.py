"""Scores of a slice of an uploaded scan, with its map."""

from __future__ import annotations

from html import escape
from pathlib import Path

from scanvq.app.pictures import Figure, figures_html, sentence
from scanvq.app.served_model import ServedModel
from scanvq.app.uploads import Upload
from scanvq.inference.score import ScoredFile, score_scan
from scanvq.model.calibration import BITS, MAP, RESIDUAL, Calibration
from scanvq.report.figures.score_panel import score_rows

MEANINGS = {
    MAP: "the mean of the highest 1 % of the anomaly map",
    RESIDUAL: "mean absolute error of the reconstruction in the foreground",
    BITS: "-log2 of the probability of the codes, for each pixel",
}


def score(served: ServedModel, upload: Upload, place: int) -> str:
    """The maps and scores of one slice, as the page shows them."""
    model, calibration = served.model, served.model.calibration
    if calibration is not None:
        with_prior = calibration.prior is not None
    else:
        with_prior = model.has_prior and model.prior.has_likelihood
    scored = score_scan(
        model,
        upload.scan,
        [place],
        name=Path(upload.name),
        calibration=calibration,
        with_prior=with_prior,
    )
    (row,) = score_rows(scored, [0], model=model)
    figures = [[Figure(png=tile.png, caption=tile.label)] for tile in row.tiles]
    return _table(scored) + sentence(_meaning(served, calibration)) + figures_html(figures, wide=True)


def _table(scored: ScoredFile) -> str:
    lines = []
    for name, meaning in MEANINGS.items():
        if name in scored.scores:
            p = f"{scored.p[name][0]:.3f}" if name in scored.p else "-"
            lines.append(
                f"<tr><td>{escape(name)}</td><td>{scored.scores[name][0]:.4g}</td><td>{p}</td>"
                f"<td>{escape(meaning)}</td></tr>"
            )
    head = "<tr><th>score</th><th>value</th><th>p</th><th>meaning</th></tr>"
    return f'<table class="scores">{head}{"".join(lines)}</table>'


def _meaning(served: ServedModel, calibration: Calibration | None) -> str:
    if calibration is None:
        how = (
            f"run `scanvq score {served.path} SCAN` once, which keeps a calibration in the run, and start "
            "the app again"
        )
        if not served.path.is_dir():
            how = "a model file is calibrated where its run is: `scanvq score RUN SCAN`, then `Model.save`"
        return f"Not calibrated, so there are no p-values and no anomaly map: {how}."
    return (
        f"p: the share of {calibration.people} held-out people ({calibration.split}, one slice of each) who "
        f"score as high; it cannot be below {calibration.smallest_p:.3g}."
    )
