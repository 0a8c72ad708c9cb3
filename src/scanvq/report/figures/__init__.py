"""Figures: charts as Matplotlib figures, images as sheets of tiles, all as PNG and SVG."""
