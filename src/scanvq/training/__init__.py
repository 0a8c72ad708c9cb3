"""Training: one loop for every objective, and the stages that a run goes through."""
