"""The prepared, memory-mapped data set of a run: built once, read in batches, searched for leakage."""
