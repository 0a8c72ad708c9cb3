"""Several runs side by side, on one test set."""
