"""Compressed streams of scans: exact arithmetic, entropy coding, residuals and the stream file."""
