"""Network pieces that tokenizers and priors are built from."""
