"""Sampling of codes: from logits, and of grids by raster, ordered or masked sampling."""
