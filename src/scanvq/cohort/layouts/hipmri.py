"""HipMRI layout: 2-D NIfTI slices of the prostate; one case is one patient with several weeks."""

from __future__ import annotations

import re

from scanvq.cohort.catalog import Catalog, Images
from scanvq.cohort.layouts.keras_slices import read_keras_slices
from scanvq.cohort.layouts.tree import Tree

NAME = re.compile(r"(?:case|seg)_(?P<case>\d+)_week_\d+_slice_\d+\.nii(?:\.gz)?", re.IGNORECASE)


def read_hipmri(tree: Tree, images: Images) -> Catalog | None:
    """`keras_slices_{train,validate,test}/case_004_week_0_slice_0.nii.gz`; patient = case."""
    return read_keras_slices(tree, images, layout="HipMRI", folder="keras_slices", name=NAME)
