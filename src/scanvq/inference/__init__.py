"""Inference on files: encode, decode, reconstruct, inpaint and sample."""
