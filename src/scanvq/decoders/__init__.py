"""Decoders for created images, beside the tokenizer's own."""
