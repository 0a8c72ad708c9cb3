"""Subjects and files of a data set: folder layouts, catalog, splits, headers, conditions, fingerprint."""
