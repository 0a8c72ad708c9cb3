"""Numbers and bytes as the fields of a header, short for small values."""

from __future__ import annotations

import struct

from scanvq.codec.errors import CodecError

_MOST_BYTES = 10  # of a whole number


class FieldWriter:
    """Appends fields to `data`."""

    def __init__(self) -> None:
        self.data = bytearray()

    def count(self, value: int) -> None:
        """A whole number from 0 on: 7 bits a byte, the lowest first."""
        while value > 127:
            self.data.append(value & 127 | 128)
            value >>= 7
        self.data.append(value)

    def whole(self, value: int) -> None:
        """A whole number of any sign."""
        self.count(value << 1 if value >= 0 else (-value << 1) - 1)

    def real(self, value: float) -> None:
        """A float64."""
        self.data += struct.pack("<d", value)

    def blob(self, value: bytes) -> None:
        """Bytes with their number."""
        self.count(len(value))
        self.data += value


class FieldReader:
    """Reads the fields of a `FieldWriter` in order.

    Raises:
        CodecError: by every method, for data that end too early.
    """

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data, self.at = data, at

    def take(self, count: int) -> bytes:
        """The next bytes."""
        found = self._data[self.at : self.at + count]
        if len(found) < count:
            raise CodecError("it is cut off in its header")
        self.at += count
        return found

    def count(self) -> int:
        value = 0
        for place in range(_MOST_BYTES):
            byte = self.take(1)[0]
            value |= (byte & 127) << 7 * place
            if byte < 128:
                return value
        raise CodecError("its header is damaged: a number of too many digits")

    def whole(self) -> int:
        value = self.count()
        return -(value + 1 >> 1) if value & 1 else value >> 1

    def real(self) -> float:
        value: float = struct.unpack("<d", self.take(8))[0]
        return value

    def blob(self) -> bytes:
        return self.take(self.count())
