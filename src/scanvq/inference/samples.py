"""Created images in memory that show themselves."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scanvq.imaging.formats import Provenance
from scanvq.imaging.formats.png import with_text
from scanvq.inference.image_files import contact_sheet
from scanvq.notebook.display import show_png


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Created images, which a notebook shows as one sheet.

    Attributes:
        images: (n, H, W) in [0, 1]; `numpy.asarray(samples)` gives them, too.
        provenance: model and seed, written into the sheet.
    """

    images: NDArray[np.float32]
    provenance: Provenance

    @cached_property
    def png(self) -> bytes:
        """All images as one PNG, marked as synthetic."""
        buffer = io.BytesIO()
        Image.fromarray(contact_sheet(self.images)).save(buffer, "PNG")
        return with_text(buffer.getvalue(), str(self.provenance))

    def show(self) -> None:
        """Shows the images below the cell of a notebook, elsewhere with the image viewer of the desktop."""
        show_png(self.png)

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        count, height, width = self.images.shape
        return f"Samples({count} synthetic images of {height}x{width}, seed {self.provenance.seed})"

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return iter(self.images)

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        image: NDArray[np.float32] = self.images[index]
        return image

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.images, dtype=dtype, copy=copy)
