"""Neural network modules of tokenizers and priors."""
