"""Files on disk: atomic writes, weights, resume state, run directory."""
