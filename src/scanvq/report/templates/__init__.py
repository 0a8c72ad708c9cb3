"""The HTML and style of the pages."""
