"""Evaluation of runs on test data."""
