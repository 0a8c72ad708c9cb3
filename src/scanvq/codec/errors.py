"""The error of the codec."""

from __future__ import annotations


class CodecError(ValueError):
    """A stream that is damaged or of another model, or a model or scan that the codec does not support."""
