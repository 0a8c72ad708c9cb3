"""Training: one loop for every objective, its callbacks, and the stages of a run."""
