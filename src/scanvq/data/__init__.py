"""From files to batches: formats, catalog, splits, preparation, the prepared store."""
