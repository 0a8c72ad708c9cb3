"""What a model does with files: reconstruct, complete, sample, encode and decode them."""
