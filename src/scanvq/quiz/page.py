"""The page of a blind test: one self-contained HTML file, without network."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from scanvq.imaging.formats import Provenance
from scanvq.imaging.formats.png import with_text
from scanvq.metrics.false_alarms import proportion_interval
from scanvq.report.figures.rendered_figure import data_uri
from scanvq.report.templates.rendering import render, script, style

LIMIT = 6 * 2**20  # bytes of the picture: the page stays below 10 MB
SMALLER = 0.8  # a side of every image, where the picture is too large
COLUMNS = 10


@dataclass(frozen=True, kw_only=True)
class Quiz:
    """A blind test.

    Attributes:
        images: (n, H, W) uint8 in the order in which they are shown.
        created: (n,) whether each image was created.
        name: of the model, for the reader.
        provenance: of the created images, written into the picture.
        seed: of the order.
    """

    images: NDArray[np.uint8]
    created: NDArray[np.bool_]
    name: str
    provenance: Provenance
    seed: int

    @classmethod
    def shuffled(
        cls,
        real: NDArray[np.float32],
        created: NDArray[np.float32],
        *,
        name: str,
        provenance: Provenance,
        seed: int,
    ) -> Quiz:
        """Real and created images (n, H, W) in [0, 1] in random order, all rounded to 8 bits.

        Raises:
            ValueError: images of different sizes.
        """
        if real.shape[1:] != created.shape[1:]:
            raise ValueError(
                f"the real images are {real.shape[1]}x{real.shape[2]}, the created ones "
                f"{created.shape[1]}x{created.shape[2]}; their size must not tell which is which"
            )
        images = np.round(np.concatenate([real, created]).clip(0, 1) * 255).astype(np.uint8)
        is_created = np.arange(len(images)) >= len(real)
        order = np.random.default_rng(seed).permutation(len(images))
        return cls(
            images=images[order], created=is_created[order], name=name, provenance=provenance, seed=seed
        )

    def html(self) -> str:
        """The page. All images are one picture, so that none has a name or a size of its own."""
        sheet, height, width, columns = self._sheet()
        count, created = len(self.images), int(self.created.sum())
        totals = {count, created, count - created}
        facts = {
            "count": count,
            "width": width,
            "height": height,
            "columns": columns,
            "key": self._key(),
            "intervals": {n: [proportion_interval(right, n) for right in range(n + 1)] for n in totals},
        }
        return render(
            "quiz.html",
            {
                "name": self.name,
                "count": count,
                "created": created,
                "model": self.provenance.model,
                "seed": self.seed,
                "style": style(),
                "script": script("quiz.js"),
                "facts": Markup(json.dumps(facts)),
                "sheet": data_uri(sheet),
            },
        )

    def _key(self) -> str:
        """The answers, hidden from a glance at the source: exclusive or with a fixed sequence, in base 64.

        The same sequence is in quiz.js. Whoever wants to cheat can.
        """
        state = (self.seed * 2654435761 + 97) % 2**32
        hidden = bytearray(state.to_bytes(4, "big"))
        for answer in self.created:
            state = (state * 1664525 + 1013904223) % 2**32
            hidden.append(((state >> 24) & 0xFE) | (int(answer) ^ (state >> 16 & 1)))
        return base64.b64encode(bytes(hidden)).decode("ascii")

    def _sheet(self) -> tuple[bytes, int, int, int]:
        """All images as one PNG, and height, width of an image and the number of columns."""
        images = self.images
        columns = min(COLUMNS, len(images))
        while True:
            count, height, width = images.shape
            sheet = np.zeros((-(-count // columns) * height, columns * width), np.uint8)
            for number, image in enumerate(images):
                top, left = number // columns * height, number % columns * width
                sheet[top : top + height, left : left + width] = image
            buffer = io.BytesIO()
            Image.fromarray(sheet).save(buffer, "PNG", optimize=True)
            if buffer.tell() <= LIMIT:
                return with_text(buffer.getvalue(), str(self.provenance)), height, width, columns
            size = (max(1, round(width * SMALLER)), max(1, round(height * SMALLER)))
            images = np.stack(
                [
                    np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))
                    for image in images
                ]
            )
