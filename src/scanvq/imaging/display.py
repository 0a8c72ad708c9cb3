"""Text for a terminal: names of files without control characters and bytes that are no text."""

from __future__ import annotations


def display_name(name: object) -> str:
    """A name, with line breaks, escape sequences, invisible and undecodable characters as backslash codes."""
    return "".join(map(_escaped, str(name)))


def display_text(text: str) -> str:
    """Text of several lines, with every other control character as a backslash code."""
    return "\n".join(map(display_name, text.split("\n")))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as Python represents it
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
