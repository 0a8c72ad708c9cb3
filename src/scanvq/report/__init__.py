"""The report: everything a run shows, gathered, drawn, and written as one page."""
