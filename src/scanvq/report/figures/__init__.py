"""Figures: charts as Matplotlib figures, pictures as sheets of tiles; both end as PNG and SVG."""
