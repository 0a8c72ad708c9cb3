"""The prepared, memory-mapped data set of a run: construction, batches, statistics, leakage detection."""
