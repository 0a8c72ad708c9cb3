"""The trees that data sets come in, tried in this order. A new one is a file here and a line below."""

from __future__ import annotations

from collections.abc import Callable

from scanvq.data.catalog import Catalog, Images
from scanvq.data.layouts.adni import read_adni
from scanvq.data.layouts.bids import read_bids
from scanvq.data.layouts.class_folders import read_class_folders
from scanvq.data.layouts.flat import read_flat
from scanvq.data.layouts.hipmri import read_hipmri
from scanvq.data.layouts.medmnist import read_medmnist
from scanvq.data.layouts.oasis import read_oasis
from scanvq.data.layouts.split_folders import read_split_folders
from scanvq.data.layouts.table import read_table
from scanvq.data.layouts.task_folders import read_task_folders
from scanvq.data.layouts.tree import Tree

Layout = Callable[[Tree, Images], Catalog | None]
"""Makes a catalog of a tree, or returns None where the tree is not of this layout."""

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
