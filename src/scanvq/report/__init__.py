"""The report of a run: its data, figures and page."""
