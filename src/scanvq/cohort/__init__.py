"""Subjects and files: layouts, the catalog, splits, headers, the fingerprint."""
