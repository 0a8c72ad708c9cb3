"""Synthetic demo cohort of brain images; needs no download."""

from scanvq.synthetic.cohort import DemoSlice, make_cohort
from scanvq.synthetic.layouts import DemoError, LayoutName, write_demo
from scanvq.synthetic.templates import MissingTemplatesError

__all__ = ["DemoError", "DemoSlice", "LayoutName", "MissingTemplatesError", "make_cohort", "write_demo"]
