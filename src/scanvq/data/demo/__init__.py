"""Synthetic brains to try everything on, without a download."""

from scanvq.data.demo.cohort import DemoSlice, make_cohort
from scanvq.data.demo.layouts import DemoError, LayoutName, write_demo
from scanvq.data.demo.templates import MissingTemplatesError

__all__ = ["DemoError", "DemoSlice", "LayoutName", "MissingTemplatesError", "make_cohort", "write_demo"]
