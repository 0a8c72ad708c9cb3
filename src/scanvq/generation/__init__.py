"""What a trained run does: reconstruct, sample, complete."""
