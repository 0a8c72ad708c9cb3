"""What a run keeps on disk: weights, resume state, the run directory."""
