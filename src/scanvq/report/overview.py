"""A run at a glance: its facts as a table, and real, reconstructed and created images as one picture."""

from __future__ import annotations

import numpy as np

from scanvq.evaluation.tokenizer_scores import scores_in
from scanvq.model.model import Model
from scanvq.report.figures.colors import gray
from scanvq.report.figures.tiles import Row, Sheet, Tile
from scanvq.report.pictures import reconstructions, spread
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.run_data import open_data

SHOWN = 6


def run_facts(model: Model, directory: RunDirectory) -> list[tuple[str, str]]:
    """What a run is: name and value of each fact that is known so far."""
    height, width = model.preparation.geometry.height, model.preparation.geometry.width
    grids = ", ".join(
        f"{size[0]}x{size[1]} of {codebook}"
        for size, codebook in zip(model.code_shapes, model.tokenizer.codebook_sizes, strict=True)
    )
    sections = model.recipe.sections
    facts = [
        ("recipe", str(model.recipe.about["name"])),
        ("tokenizer", f"{sections['tokenizer']['kind']}: {height}x{width} to codes {grids}"),
        ("prior", str(sections["prior"]["kind"]) if model.has_prior else "not trained"),
    ]
    if model.conditions.names:
        facts.append(("conditions", ", ".join(model.conditions.names)))
    if directory.data.is_file():
        record = directory.read(directory.data)
        slices = ", ".join(f"{count:,} {split}" for split, count in record["slices"].items())
        facts.append(("scans", f"{record['folder']} ({record['layout']}; slices: {slices})"))
    if directory.metrics.is_file():
        test = directory.read(directory.metrics)["tokenizer"]["test"]
        facts += [
            (f"{score.label} of {test['n']} test images", score.text(values["mean"]))
            for score, values in scores_in(test).values()
        ]
    else:
        facts.append(("scores", "not evaluated yet: run.evaluate()"))
    if directory.report.is_file():
        facts.append(("report", str(directory.report)))
    return facts


def overview(model: Model, directory: RunDirectory) -> Sheet:
    """Rows of images of a run: real test images, reconstructed, and, with a prior, created.

    Raises:
        RunError: the run has no data yet. DataChangedError: its scans were changed.
    """
    data = open_data(directory, model.recipe.data)
    chosen = reconstructions(model, data, spread(len(data.dataset("test")), SHOWN))
    rows = [
        Row(heading="real", tiles=tuple(Tile(pixels=gray(one.image)) for one in chosen)),
        Row(heading="reconstructed", tiles=tuple(Tile(pixels=gray(one.reconstruction)) for one in chosen)),
    ]
    if model.has_prior:
        codes = model.sample_codes(SHOWN, params=model.sampling_params(), seed=0)
        images = model.decoders.decode(codes, seed=0)[:, 0].numpy()
        created = tuple(Tile(pixels=gray(np.asarray(image)), synthetic=True) for image in images)
        rows.append(Row(heading="created", tiles=created))
    return Sheet(name="overview", rows=tuple(rows), columns=SHOWN, fixed=True)
