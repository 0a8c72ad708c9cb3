"""Priors: distributions over the codes of a tokenizer."""
