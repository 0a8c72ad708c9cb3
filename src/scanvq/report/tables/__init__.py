"""Tables of numbers: on the page, and as CSV and LaTeX files."""
