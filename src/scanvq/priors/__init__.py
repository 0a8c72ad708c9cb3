"""Distributions over the codes of a tokenizer."""
