"""OASIS layout: 8-bit PNG slices of the brain, 32 per case."""

from __future__ import annotations

import re

from scanvq.cohort.catalog import Catalog, Images
from scanvq.cohort.layouts.keras_slices import read_keras_slices
from scanvq.cohort.layouts.tree import Tree

NAME = re.compile(r"(?:case|seg)_(?P<case>\d+)_slice_\d+\.nii\.png", re.IGNORECASE)


def read_oasis(tree: Tree, images: Images) -> Catalog | None:
    """`keras_png_slices_{train,validate,test}/case_001_slice_0.nii.png`."""
    return read_keras_slices(tree, images, layout="OASIS", folder="keras_png_slices", name=NAME)
