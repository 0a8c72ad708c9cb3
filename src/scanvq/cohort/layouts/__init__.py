"""Folder layouts of data sets, tried in order. A new layout is one file here and one line below."""

from __future__ import annotations

from collections.abc import Callable

from scanvq.cohort.catalog import Catalog, Images
from scanvq.cohort.layouts.adni import read_adni
from scanvq.cohort.layouts.bids import read_bids
from scanvq.cohort.layouts.class_folders import read_class_folders
from scanvq.cohort.layouts.flat import read_flat
from scanvq.cohort.layouts.hipmri import read_hipmri
from scanvq.cohort.layouts.medmnist import read_medmnist
from scanvq.cohort.layouts.oasis import read_oasis
from scanvq.cohort.layouts.split_folders import read_split_folders
from scanvq.cohort.layouts.table import read_table
from scanvq.cohort.layouts.task_folders import read_task_folders
from scanvq.cohort.layouts.tree import Tree

Layout = Callable[[Tree, Images], Catalog | None]
"""Makes the catalog of a file tree; None if the tree does not have this layout."""

LAYOUTS: tuple[Layout, ...] = (
    read_table,
    read_medmnist,
    read_task_folders,
    read_hipmri,
    read_oasis,
    read_adni,
    read_bids,
    read_split_folders,
    read_class_folders,
    read_flat,
)
