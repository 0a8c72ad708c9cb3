"""Sampling of codes: one code from its logits, and a whole grid cell by cell."""
