"""Scores of images and codes, in torch; each per image, so that a distribution can be reported."""
