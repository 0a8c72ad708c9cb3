"""Completions of a region that was painted on an uploaded scan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scanvq.app.limits import Deadline, Limits, Refused
from scanvq.app.pictures import Figure, download, figures_html, png, sentence
from scanvq.app.served_model import ServedModel
from scanvq.app.uploads import Upload
from scanvq.imaging.formats import Provenance
from scanvq.report.figures.colors import DIFFERENCE_WHITE, heat_colors, outlined

PAINTED = 64  # of 255: the opacity above which a pixel is painted


def painted_mask(drawing: Mapping[str, Any] | None, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The painted pixels of a slice (H, W).

    Args:
        drawing: of Gradio's editor: `layers`, each (H', W', 4), of any multiple of the size of the slice.
        shape: (H, W).

    Raises:
        Refused: nothing is painted.
    """
    mask = np.zeros(shape, np.bool_)
    for layer in (drawing or {}).get("layers") or ():
        opacity = Image.fromarray(np.ascontiguousarray(layer[..., 3]))
        mask |= np.asarray(opacity.resize(shape[::-1], Image.Resampling.BOX)) > PAINTED
    if not mask.any():
        raise Refused("nothing is painted; paint over the region that is to be completed")
    return mask


def complete(
    served: ServedModel,
    upload: Upload,
    place: int,
    mask: NDArray[np.bool_],
    *,
    count: int,
    seed: int,
    decoder: str | None,
    limits: Limits,
) -> Iterator[str]:
    """Samples completions of a slice; yields the page after each, the last with their spread.

    Args:
        served: the model.
        upload: the scan.
        place: of the slice.
        mask: (H, W), true where it is completed.
        count: number of completions.
        seed: of the first; completion i uses seed + i.
        decoder: "natural" or "faithful"; None = the default of the model.
        limits: of count and time.

    Raises:
        Refused: too many, or too long a time. ValueError: everything is painted, or a prior that cannot.
    """
    model = served.model
    count = limits.check("the number of completions", count, 1, limits.completions)
    used, deadline = model.decoders.decoder_of(decoder), Deadline(limits.seconds)
    masks = np.zeros(upload.scan.slices.shape, np.bool_)
    masks[place] = mask
    completions: list[tuple[NDArray[Any], Provenance]] = []
    for own_seed in range(seed, seed + count):
        deadline.check()
        (scan,) = model.inpaint(upload.scan, masks, count=1, decoder=used, seed=own_seed)
        provenance = Provenance(model=model.prior_id, seed=own_seed, decoder=used, derived=upload.source)
        completions.append((scan.slices[place], provenance))
        yield _html(upload, place, mask, completions, count)


def _html(
    upload: Upload,
    place: int,
    mask: NDArray[np.bool_],
    completions: Sequence[tuple[NDArray[Any], Provenance]],
    count: int,
) -> str:
    given = upload.picture(upload.scan.slices[place])
    blanked = outlined(np.where(mask, np.uint8(0), given), mask)
    figures = [[Figure(png=png(given), caption="given")], [Figure(png=png(blanked), caption="to complete")]]
    for number, (completion, provenance) in enumerate(completions):
        content = png(upload.picture(completion), provenance)
        link = download(f"completion_{provenance.seed}.png", content, "image/png", "PNG")
        caption = f"completion {number + 1}, seed {provenance.seed}"
        figures.append([Figure(png=content, caption=caption, created=True, links=(link,))])
    notes = []
    if len(completions) < count:
        notes.append(sentence(f"{len(completions)} of {count} completions"))
    elif count > 1:
        values = np.stack([one.astype(np.float64) for one, _ in completions])
        spread = values.std(axis=0) / max(upload.white - upload.black, 1e-12)
        colors = heat_colors(spread, brightest=DIFFERENCE_WHITE)
        figures.append([Figure(png=png(colors), caption="spread: standard deviation of the completions")])
    return "".join(notes) + figures_html(figures)
